// Package openapi holds the API's document, openapi.yaml, and the page that
// shows it. It knows nothing of the shop and needs no Redis, so both are served
// whether or not the shop is ready.
package openapi

import (
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	swaggerui "github.com/swaggest/swgui/v5/static"
)

//go:embed openapi.yaml
var document []byte

//go:embed page.html
var pageHTML []byte

//go:embed page.js
var pageJS []byte

//go:embed page.css
var pageCSS []byte

// Document gives the document, in YAML.
func Document() []byte { return document }

// policy lets the page load from this address alone. Swagger UI sets style
// attributes, and its icons are data: images; scripts come from files only.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one file that is served.
type file struct {
	content     []byte
	contentType string
	etag        string
}

// Pages serves the document at /openapi.yaml and its page at /docs.
type Pages struct{ files map[string]file }

// NewPages makes a Pages; the error would be one of the embedded files.
func NewPages() (*Pages, error) {
	p := &Pages{files: map[string]file{}}
	p.add("/openapi.yaml", "application/yaml", document)
	p.add("/docs", "text/html; charset=utf-8", pageHTML)
	p.add("/docs/page.js", "text/javascript; charset=utf-8", pageJS)
	p.add("/docs/page.css", "text/css; charset=utf-8", pageCSS)
	for name, contentType := range map[string]string{
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8",
		"favicon-32x32.png": "image/png",
	} {
		content, err := swaggerFile(name)
		if err != nil {
			return nil, err
		}
		p.add("/docs/"+name, contentType, content)
	}
	return p, nil
}

// swaggerFile reads a file of Swagger UI; the module holds the large ones packed.
func swaggerFile(name string) ([]byte, error) {
	plain, err := fs.ReadFile(swaggerui.FS, name)
	if err == nil {
		return plain, nil
	}
	packed, err := swaggerui.FS.Open(name + ".gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	content, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(content)
}

func (p *Pages) add(path, contentType string, content []byte) {
	sum := sha256.Sum256(content)
	p.files[path] = file{content: content, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// Serve answers for the request's path; false means that there is no such file
// and nothing was answered.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request) bool {
	f, found := p.files[r.URL.Path]
	if !found {
		return false
	}
	header := w.Header()
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	header.Set("Content-Type", f.contentType)
	header.Set("Content-Length", strconv.Itoa(len(f.content)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(f.content)
	return true
}
