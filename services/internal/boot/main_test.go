package boot_test

import (
	"flag"
	"os"
	"testing"
)

// Four tests at a time, on however few cores: they wait for Sentinels far more
// than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
