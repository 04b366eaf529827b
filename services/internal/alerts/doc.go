// Package alerts tests what Prometheus and Alertmanager are given to say: that each rule and its test, its runbook page
// and its figures are there, that a failure of real servers reaches a person by mail while what merely follows from it
// does not, and (make soak) that a shop that is well says nothing.
package alerts
