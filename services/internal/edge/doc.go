// Package edge tests the shipped nginx configuration: the real nginx, rendered from the templates in nginx/, in front of
// small servers that stand in for the API replicas, since what they must do here (break, hang, refuse) the API never
// does on demand. Each test has a loopback prefix of its own.
package edge
