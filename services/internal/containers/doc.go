// Package containers is a handle on the shop in containers, a project of Docker
// Compose: it starts and stops the project, breaks its services and asks what they
// are. It works by the docker command line, which whoever runs containers has; only
// the tests and the drill use it. What it asks Redis goes through docker exec: none
// of its ports is published.
package containers
