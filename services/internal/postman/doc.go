// Package postman tests the Postman collection in postman/ as a person would
// use it: newman, Postman's own runner, runs it from top to bottom against a
// fresh shop.
package postman
