package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"evergreen/services/internal/drill"
)

// partialHeaders are clients that begin requests and never end their headers. A thousand new ones a second is what an attacking
// program on the same two cores can do without taking the processor from the shop; the edge's own test holds
// 1,700 with a tenth of the places.
func partialHeaders() Class {
	const held, dialsPerSecond, addresses = 5000, 1000, 50
	return Class{
		Name: "partial-headers", Title: "1,000 connections a second from 50 addresses begin a request and never end its header", Resource: Connections,
		Attack: func(ctx context.Context, s *Scene) error {
			pace := rate.NewLimiter(dialsPerSecond, 1)
			var all sync.WaitGroup
			all.Go(func() { s.probe(ctx) })
			for n := range held {
				all.Go(func() {
					for pace.Wait(ctx) == nil {
						s.holdHeader(ctx, s.Address(n%addresses))
					}
				})
			}
			all.Wait()
			return nil
		},
		Lasts: 15 * time.Second,
		Bound: func(f Found) []string {
			if failed := f.Figures["new connections without an answer"]; failed > 0 {
				return []string{fmt.Sprintf("%.0f new connections of others had no answer", failed)}
			}
			if f.Figures["headers begun"] < held {
				return []string{"the attack has not opened its connections"}
			}
			return nil
		},
		Control: Control{
			Prepare: drill.FilesWith("partial-headers",
				drill.Edit{File: "nginx/limits.conf.template", Old: "client_header_timeout 5s;", With: "client_header_timeout 10s;"},
				drill.Edit{File: "nginx/nginx.conf.template", Old: "worker_connections 6144;", With: "worker_connections 1024;"}),
			Rules: []Rule{RuleBound, RuleFailures},
		},
	}
}

// holdHeader begins a request, and waits until the shop closes the connection.
func (s *Scene) holdHeader(ctx context.Context, from string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.Stack.URL(), "http://"))
	if err != nil {
		s.Count("not connected")
		return
	}
	defer func() { _ = connection.Close() }()
	defer context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Now()) })()
	s.Add("headers begun", 1)
	_, err = io.WriteString(connection, "GET /v1/products HTTP/1.1\r\nHost: sh")
	if err == nil {
		_, err = io.Copy(io.Discard, connection)
	}
	switch {
	case ctx.Err() != nil:
		s.Count("open at the end")
	case err != nil:
		s.Count("reset")
	default:
		s.Count("closed")
	}
}

// probe asks for a product on a new connection, 20 times a second.
func (s *Scene) probe(ctx context.Context) {
	going := context.WithoutCancel(ctx)
	var flying sync.WaitGroup
	defer flying.Wait()
	for due := time.Now(); waitUntil(ctx, due); due = due.Add(50 * time.Millisecond) {
		flying.Go(func() {
			guest := s.Client(s.Address(firstVictim-1)).With("Connection", "close")
			if a, err := guest.Send(going, http.MethodGet, "/v1/products/"+s.Product, nil); err != nil || a.Status != http.StatusOK {
				s.Add("new connections without an answer", 1)
				return
			}
			s.Add("new connections answered", 1)
		})
	}
}
