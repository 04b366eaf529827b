package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/mailbox"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// expected are alerts that may be there in a shop that is well: the watchdog, and those about the machine that the test
// happens to run on, whose disk may be fuller than a shop's should be.
var expected = []string{"Watchdog", "DiskOver85", "DiskOver95", "HostMemoryLow"}

// unexpected selects what Prometheus says of all other alerts.
func unexpected(matchers string) string {
	return `ALERTS{alertname!~"` + strings.Join(expected, "|") + `"` + matchers + `}`
}

// watched is a whole shop with everything that looks on.
type watched struct {
	*stack.Stack
	t *testing.T
}

// start starts one from the shipped files, with an admin's address of its own: the example's is an alert.
func start(t *testing.T) watched {
	t.Helper()
	settings := map[string]string{"ADMIN_EMAIL": "owner@shop.example", "ALERT_EMAIL_TO": "night-shift@shop.example",
		"BACKUP_TARGETS": t.TempDir(), "BACKUP_PUBLIC_KEYS": shoptest.BackupKey(t), "BACKUP_SHIP_EVERY": "2s"}
	return watched{stack.StartT(t, stack.Options{Services: stack.WithObservers(), Settings: stack.WithHighQuotas(settings)}), t}
}

// get reads JSON from a service of the stack.
func (w watched) get(service, path string, into any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.Process(service).Addr()+path, nil)
	require.NoError(w.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(w.t, http.StatusOK, response.StatusCode, path)
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(into))
}

// query asks Prometheus and gives the labels of each series of the answer.
func (w watched) query(promql string) (series []map[string]string) {
	w.t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	w.get("prometheus", "/api/v1/query?query="+url.QueryEscape(promql), &answer)
	for _, one := range answer.Data.Result {
		series = append(series, one.Metric)
	}
	return series
}

// await asks until Prometheus has an answer.
func (w watched) await(promql string, limit time.Duration) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.query(promql)) > 0 }, limit, time.Second/2, promql)
}

// awaitSilenced returns once an alert fires and Alertmanager keeps it back because of the cause.
func (w watched) awaitSilenced(consequence, cause string) {
	w.t.Helper()
	w.eventually(consequence+" is silenced by "+cause, func() bool {
		var known []struct {
			Labels      map[string]string
			Fingerprint string
			Status      struct {
				State       string
				InhibitedBy []string
			}
		}
		w.get("alertmanager", "/api/v2/alerts", &known)
		names := map[string]string{}
		for _, one := range known {
			names[one.Fingerprint] = one.Labels["alertname"]
		}
		for _, one := range known {
			for _, by := range one.Status.InhibitedBy {
				if one.Labels["alertname"] == consequence && names[by] == cause {
					return one.Status.State == "suppressed"
				}
			}
		}
		return false
	})
}

func (w watched) eventually(what string, condition func() bool) {
	w.t.Helper()
	require.Eventually(w.t, condition, 90*time.Second, time.Second/4, what)
}

// mails is where those lie that have come.
func (w watched) mails() string { return filepath.Join(w.Dir(), "mail") }

// mailed waits for the mail about an alert, and says how long after the failure it came.
func (w watched) mailed(since time.Time, limit time.Duration, alert, severity string, says ...string) {
	w.t.Helper()
	mail := w.arrives(since, "["+severity+"] "+alert, append(says, "docs/runbook/"+alert+".md")...)
	took := mail.Received.Sub(since)
	w.t.Logf("%s: mailed after %.0f s: %s", alert, took.Seconds(), mail.Subject)
	require.Less(w.t, took, limit, alert)
	require.Equal(w.t, []string{"night-shift@shop.example"}, mail.To)
}

// over waits for the mail that an alert is over, for each of the instances if there are any.
func (w watched) over(healed time.Time, alert string, instances ...string) {
	w.t.Helper()
	mail := w.arrives(healed, "", append(instances, "Over: "+alert)...)
	w.t.Logf("%s: mailed %.0f s after the repair that it is over: %s", alert, mail.Received.Sub(healed).Seconds(), mail.Subject)
}

func (w watched) arrives(since time.Time, subject string, says ...string) mailbox.Mail {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	mail, err := mailbox.Await(ctx, w.mails(), func(m mailbox.Mail) bool {
		fits := strings.HasPrefix(m.Subject, subject) && !m.Received.Before(since)
		for _, part := range says {
			fits = fits && strings.Contains(m.Body, part)
		}
		return fits
	})
	require.NoError(w.t, err, "a mail %q that says %q", subject, says)
	return mail
}

// mailedAlerts lists the unexpected alerts that any mail was about.
func (w watched) mailedAlerts() map[string]bool {
	w.t.Helper()
	mails, err := mailbox.Read(w.mails())
	require.NoError(w.t, err)
	about := map[string]bool{}
	for _, mail := range mails {
		_, rest, found := strings.Cut(mail.Subject, "] ")
		require.True(w.t, found, mail.Subject)
		if alert := strings.TrimSuffix(strings.Fields(rest)[0], ":"); !slices.Contains(expected, alert) {
			about[alert] = true
		}
	}
	return about
}

// repair starts what is down and waits until everything can be used, and until Prometheus has seen that the shop sells:
// else it would take the next failure for the same one.
func (w watched) repair() time.Time {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	require.NoError(w.t, w.Up(ctx))
	healed := time.Now()
	w.eventually("the shop sells again", func() bool {
		return len(w.query("sum(shop_write_probe_success) == 2")) > 0 && len(w.query(`ALERTS{alertname="WriteProbeFailing"}`)) == 0
	})
	return healed
}

// roles gives the primary and the replicas.
func (w watched) roles() (primary *stack.Process, replicas []*stack.Process) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	name, err := w.AwaitPrimary(ctx, nil)
	require.NoError(w.t, err)
	for i := range 3 {
		if node := w.Process(fmt.Sprintf("redis-%d", i+1)); node.Name() != name {
			replicas = append(replicas, node)
		}
	}
	return w.Process(name), replicas
}
