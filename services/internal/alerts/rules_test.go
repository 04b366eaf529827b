package alerts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// root is the repository, seen from this package.
const root = "../../.."

// rule is a recording rule or an alert.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// rules lists those of all shipped files.
func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, file := range files(t, "prometheus/rules/*.yml") {
		var content struct{ Groups []struct{ Rules []rule } }
		unmarshal(t, file, &content)
		for _, group := range content.Groups {
			all = append(all, group.Rules...)
		}
	}
	return all
}

// alerts lists the rules that are alerts.
func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(rules(t), func(r rule) bool { return r.Alert == "" })
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found, pattern)
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func unmarshal(t *testing.T, path string, into any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), into), path)
}

func run(t *testing.T, program string, arguments ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", program, strings.Join(arguments, " "), output)
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	run(t, "promtool", append([]string{"check", "rules", "--lint-fatal"}, files(t, "prometheus/rules/*.yml")...)...)
}

func TestEveryRuleDoesWhatItsTestsSay(t *testing.T) {
	for _, file := range files(t, "prometheus/tests/*_test.yml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			run(t, "promtool", "test", "rules", file)
		})
	}
}

// tested is what is known of an alert's tests: rules of one name differ in severity and, for the SLO, in the window.
type tested struct{ name, severity, window string }

func TestEveryAlertIsTestedFiringAndNotFiring(t *testing.T) {
	fires, silent := map[tested]bool{}, map[string]bool{}
	for _, file := range files(t, "prometheus/tests/*_test.yml") {
		var content struct {
			Tests []struct {
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []struct {
						Labels map[string]string `yaml:"exp_labels"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		unmarshal(t, file, &content)
		for _, test := range content.Tests {
			for _, alert := range test.Alerts {
				silent[alert.Name] = silent[alert.Name] || len(alert.Expected) == 0
				for _, one := range alert.Expected {
					fires[tested{alert.Name, one.Labels["severity"], one.Labels["window"]}] = true
				}
			}
		}
	}
	for _, alert := range alerts(t) {
		require.True(t, fires[tested{alert.Alert, alert.Labels["severity"], alert.Labels["window"]}], "no test has %s fire", alert.Alert)
		if alert.Alert != "Watchdog" { // It always fires: that is what it is for.
			require.True(t, silent[alert.Alert], "no test has %s not fire", alert.Alert)
		}
	}
}

func TestEveryAlertSaysWhatItIsAndWhatToDo(t *testing.T) {
	index := read(t, filepath.Join(root, "docs/runbook/README.md"))
	for _, alert := range alerts(t) {
		require.Contains(t, []string{"page", "ticket", "info"}, alert.Labels["severity"], alert.Alert)
		require.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		require.NotEmpty(t, alert.Annotations["description"], alert.Alert)
		require.Equal(t, "${RUNBOOK_URL}/"+alert.Alert+".md", alert.Annotations["runbook_url"])
		page := read(t, filepath.Join(root, "docs/runbook", alert.Alert+".md"))
		texttest.Contains(t, page, alert.Alert)
		for _, part := range []string{"## How to see it", "## What to do", "## How to know that it is over"} {
			texttest.Contains(t, page, part, alert.Alert)
		}
		texttest.Contains(t, index, "("+alert.Alert+".md)", "the index lacks it")
	}
}

func TestEveryRunbookPageIsInTheIndexAndOfAnAlertThatExists(t *testing.T) {
	var names []string
	for _, alert := range alerts(t) {
		names = append(names, alert.Alert)
	}
	index := read(t, filepath.Join(root, "docs/runbook/README.md"))
	for _, file := range files(t, "docs/runbook/*.md") {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if name == "README" {
			continue
		}
		texttest.Contains(t, index, "("+name+".md)", "the index lacks a page")
		if regexp.MustCompile(`^[A-Z]`).MatchString(name) {
			require.Contains(t, names, name, "the page of an alert that there is not")
		}
	}
}

// The order and the bare names are what people, and searches, look for.
func TestAnAlertBeginsWithItsNameUnquoted(t *testing.T) {
	named := 0
	for _, file := range files(t, "prometheus/rules/*.yml") {
		text := read(t, file)
		named += len(regexp.MustCompile(`(?m)^ +- alert: [A-Z][A-Za-z0-9]+$`).FindAllString(text, -1))
		require.Len(t, regexp.MustCompile(`(?m)^ +- alert: [A-Z]`).FindAllString(text, -1), strings.Count(text, "alert:"), file)
	}
	require.Len(t, alerts(t), named)
}

// What nobody has fails at once instead of being silent for ever.
func TestEveryInhibitionSpeaksOfAlertsThatExist(t *testing.T) {
	var names []string
	for _, alert := range alerts(t) {
		names = append(names, alert.Alert)
	}
	var config struct {
		Inhibit []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
	}
	text := regexp.MustCompile(`\$\{[A-Z_]+\}`).ReplaceAllString(read(t, filepath.Join(root, "prometheus/alertmanager.yml")), "false")
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	require.NotEmpty(t, config.Inhibit)
	mentioned := regexp.MustCompile(`[A-Z][A-Za-z0-9]+`)
	for _, one := range config.Inhibit {
		for _, matcher := range append(one.Source, one.Target...) {
			if !strings.HasPrefix(matcher, "alertname") {
				continue
			}
			for _, name := range mentioned.FindAllString(matcher, -1) {
				require.Contains(t, names, name, matcher)
			}
		}
	}
}

// routed is Alertmanager's configuration with these settings filled in, in a file.
func routed(t *testing.T, settings map[string]string) string {
	t.Helper()
	rendered, err := stack.Render(read(t, filepath.Join(root, "prometheus/alertmanager.yml")), settings)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte(rendered), 0o600))
	return file
}

func TestAmtoolAcceptsWhoHearsOfWhat(t *testing.T) {
	catcher := map[string]string{
		"SMTP_SMARTHOST": "127.9.9.20:1025", "SMTP_USERNAME": "", "SMTP_PASSWORD": "", "SMTP_REQUIRE_TLS": "false",
		"ALERT_EMAIL_TO": "to@shop.example", "ALERT_EMAIL_FROM": "from@shop.example",
	}
	own := map[string]string{
		"SMTP_SMARTHOST": "mail.shop.example:587", "SMTP_USERNAME": "shop@shop.example", "SMTP_PASSWORD": "a=b+c.d~e", "SMTP_REQUIRE_TLS": "true",
		"ALERT_EMAIL_TO": "to@shop.example", "ALERT_EMAIL_FROM": "from@shop.example",
	}
	for _, settings := range []map[string]string{catcher, own} {
		run(t, "amtool", "check-config", routed(t, settings))
	}
	file := routed(t, catcher)
	for _, alert := range alerts(t) {
		receiver := map[string]string{"page": "mail", "ticket": "mail", "info": "mail-once"}[alert.Labels["severity"]]
		if alert.Alert == "Watchdog" {
			receiver = "nowhere"
		}
		run(t, "amtool", "config", "routes", "test", "--config.file", file, "--verify.receivers="+receiver,
			"alertname="+alert.Alert, "severity="+alert.Labels["severity"])
	}
}
