#!/bin/sh
# Starts Alertmanager in a container: fills the settings into alertmanager.yml, which
# lies beside this script, then takes its own place with the server. Settings:
# ALERT_EMAIL_TO and ALERT_EMAIL_FROM; SMTP_SMARTHOST, the mail server as host:port;
# SMTP_USERNAME and SMTP_PASSWORD, both empty where it wants none; SMTP_REQUIRE_TLS,
# true or false; RUNBOOK_URL; NET; CONFIG_DIR, where the result lies (default
# /tmp/alertmanager). Further arguments are Alertmanager's own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/render.sh"
: "${NET:?is the three octets that all services share}"
: "${ALERT_EMAIL_TO:?is who gets the mails}" "${ALERT_EMAIL_FROM:?is whom they come from}"
: "${SMTP_SMARTHOST:?is the mail server, host:port}"
export NET ALERT_EMAIL_TO ALERT_EMAIL_FROM SMTP_SMARTHOST RUNBOOK_URL="${RUNBOOK_URL:-docs/runbook}"
export SMTP_USERNAME="${SMTP_USERNAME:-}" SMTP_PASSWORD="${SMTP_PASSWORD:-}" SMTP_REQUIRE_TLS="${SMTP_REQUIRE_TLS:-false}"

CONFIG_DIR=${CONFIG_DIR:-/tmp/alertmanager}
render_all "$CONFIG_DIR" alertmanager.yml
# What is left in an environment can be read as long as the server runs.
unset SMTP_USERNAME SMTP_PASSWORD
# As its authors name it, or as Debian does.
program=$(command -v alertmanager || command -v prometheus-alertmanager)
exec "$program" --config.file="$CONFIG_DIR/alertmanager.yml" "$@"
