package web

import (
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

func BenchmarkARequestIsCounted(b *testing.B) {
	m, c := NewMetrics(prometheus.NewRegistry()), &gin.Context{}
	b.ReportAllocs()
	for i := range b.N {
		m.begun(c)
		m.answered("0123456789abcdef0123456789abcdef", kind{"/v1/products/:id", "GET", 200}, time.Duration(i%100000)*time.Microsecond)
	}
}
