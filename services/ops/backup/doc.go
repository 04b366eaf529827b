// Package backup is the backup service: it takes full backups of the running shop, ships what is written after them,
// and verifies each full backup by restoring it.
package backup
