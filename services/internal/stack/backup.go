package stack

import (
	"path/filepath"
	"strings"
)

// BackupName is the service that makes backups. It is started last; Everything leaves it out.
const BackupName = "backup"

// backupPrefix begins the names of the settings that are for backups alone.
const backupPrefix = "BACKUP_"

// backupProgram is where its program is.
func (s *Stack) backupProgram() string { return filepath.Join(s.dir, "backup-program") }

// backup gives way to all others: it is nicer, and has one thread of Go's.
func (s *Stack) backup(svc service, dir string) command {
	return command{argv: []string{"nice", "-n", "10", s.backupProgram(), "serve"}, env: s.backupEnvironment(svc, dir), dir: dir}
}

func (s *Stack) backupEnvironment(svc service, dir string) []string {
	settings := frugal("200MiB")
	for name, value := range map[string]string{
		"REDIS_NODES": strings.Join(addresses(s.Net, kindRedis, service.address), ","), "NODES_DIR": s.dir, "DATA_DIR": dir,
		"REDIS_USER": "backup", "REDIS_PASSWORD": s.Setting("REDIS_BACKUP_PASSWORD"), "METRICS_ADDRESS": svc.address(s.Net),
	} {
		settings[name] = value
	}
	for name, value := range s.settings {
		if strings.HasPrefix(name, backupPrefix) {
			settings[name] = value
		}
	}
	return s.environment(settings)
}

// BackupEnvironment is what the program for backups is given when a person calls it for this shop: what the service has, and
// what a restore needs, which is the operator's password.
func (a Access) BackupEnvironment() []string {
	svc := serviceNamed(BackupName)
	s := a.stack()
	environment := append(s.backupEnvironment(svc, filepath.Join(a.Dir, svc.name)),
		"NET="+a.Net, "RESTORE_DIR="+filepath.Join(a.Dir, svc.name, "restore"))
	for _, name := range []string{"REDIS_MASTER_NAME", "REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD"} {
		environment = append(environment, name+"="+s.Setting(name))
	}
	return environment
}
