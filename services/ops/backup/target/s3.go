package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// maxPartBytes is above the size of each file of a backup: each is put by one request, so
// that a store has it whole or not at all.
const maxPartBytes = 512 << 20

// S3 is a target in a bucket of an S3-compatible store.
type S3 struct {
	name, bucket, prefix string
	client               *minio.Client
	// patience is how long a request may take besides the time for its bytes.
	patience time.Duration
}

// slowestBytesPerSecond is the rate at which a request's bytes have to pass at least.
const slowestBytesPerSecond = 64 << 10

// longestBytes is the size that is assumed of what is read: the size of a segment of a full backup.
const longestBytes = 33 << 20

// within gives a request of so many bytes its deadline: a store that hangs is a store that fails.
func (s *S3) within(ctx context.Context, bytes int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.patience+time.Duration(bytes)*time.Second/slowestBytesPerSecond)
}

// OpenS3 makes a client for s3://HOST[:PORT]/BUCKET[/PREFIX][?region=REGION]. It asks
// nothing yet.
func OpenS3(address string, keys Credentials) (*S3, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil {
		return nil, errors.New("an s3:// address is s3://HOST[:PORT]/BUCKET[/PREFIX], without a user")
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(parsed.Path, "/"), "/")
	if parsed.Host == "" || bucket == "" || prefix != "" && checkName(prefix) != nil {
		return nil, fmt.Errorf("the target %s lacks a host or a bucket, or its prefix has other characters than A-Z a-z 0-9 . _ - /", address)
	}
	if keys.AccessKey == "" || keys.SecretKey == "" {
		return nil, fmt.Errorf("the target %s needs BACKUP_S3_ACCESS_KEY and BACKUP_S3_SECRET_KEY", address)
	}
	client, err := minio.New(parsed.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, ""),
		Secure:       parsed.Scheme == "s3",
		Region:       parsed.Query().Get("region"),
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1, // The shipper tries again.
	})
	if err != nil {
		return nil, fmt.Errorf("the target %s: %w", address, err)
	}
	return &S3{name: address, bucket: bucket, prefix: prefix, client: client, patience: time.Minute}, nil
}

// Name is the target's address.
func (s *S3) Name() string { return s.name }

// Put sends one object in one request.
func (s *S3) Put(ctx context.Context, name string, body io.Reader, bytes int64) error {
	if err := checkName(name); err != nil {
		return err
	}
	if bytes >= maxPartBytes {
		return fmt.Errorf("%s has %d bytes, more than a file of a backup can have", name, bytes)
	}
	ctx, cancel := s.within(ctx, bytes)
	defer cancel()
	put, err := s.client.PutObject(ctx, s.bucket, path.Join(s.prefix, name), body, bytes, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: maxPartBytes, DisableMultipart: true,
	})
	if err == nil && put.Size != bytes {
		err = fmt.Errorf("%d bytes were taken in place of %d", put.Size, bytes)
	}
	if err != nil {
		return fmt.Errorf("write %s to the target %s: %w", name, s.name, err)
	}
	return nil
}

// Get opens an object.
func (s *S3) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	ctx, cancel := s.within(ctx, longestBytes)
	object, err := s.client.GetObject(ctx, s.bucket, path.Join(s.prefix, name), minio.GetObjectOptions{})
	if err == nil {
		_, err = object.Stat()
	}
	if err == nil {
		return &opened{Object: object, cancel: cancel}, nil
	}
	cancel()
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		err = ErrNotFound
	}
	return nil, fmt.Errorf("%s in %s: %w", name, s.name, err)
}

// opened is an object that is read until its deadline.
type opened struct {
	*minio.Object
	cancel context.CancelFunc
}

// Close ends the request.
func (o *opened) Close() error {
	defer o.cancel()
	return o.Object.Close()
}

// List lists the objects below the prefix that have plain names.
func (s *S3) List(ctx context.Context) ([]Object, error) {
	ctx, stop := s.within(ctx, longestBytes)
	defer stop() // Ends the listing in the background after an error.
	prefix := ""
	if s.prefix != "" {
		prefix = s.prefix + "/"
	}
	var found []Object
	for object := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list the target %s: %w", s.name, object.Err)
		}
		if name, ok := strings.CutPrefix(object.Key, prefix); ok && checkName(name) == nil {
			found = append(found, Object{Name: name, Bytes: object.Size, Modified: object.LastModified})
		}
		if len(found) > MaxObjects {
			return nil, tooMany(s.name)
		}
	}
	return found, nil
}

// Delete removes an object.
func (s *S3) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	if err := s.client.RemoveObject(ctx, s.bucket, path.Join(s.prefix, name), minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("delete %s from the target %s: %w", name, s.name, err)
	}
	return nil
}
