// Package compose tests docker-compose.yml as Compose itself reads it (compose-go): that it has the topology of the
// design, and that what it hands to each process is what that process asks for. It starts no container.
package compose
