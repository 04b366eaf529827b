// Package fuzz has fuzz targets for what reads other people's bytes: bodies,
// merge patches, settings and files. What needs a request's headers or query
// stands beside package web, what reads Redis's answers in redisdb. `make fuzz`
// runs all of them; their seeds are part of every test run.
package fuzz
