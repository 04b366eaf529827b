package restore

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// step is what a restore adds to every version. Versions of one history are below it.
const versionStep = 1_000_000_000

// raiseBatch is how many objects are changed in one exchange.
const raiseBatch = 500

// raise gives every object a version that it never had: its own, without what earlier restores have added, and versionStep
// for each restore that the data have come through.
func raise(ctx context.Context, node *redisnode.Node, restores int64) error {
	r := raiser{ctx: ctx, node: node, add: restores * versionStep}
	for _, one := range []struct {
		pattern string
		raise   func(keys []string) error
	}{
		{redisdb.KeyProduct("*"), r.products},
		{redisdb.KeyPurchase("*"), r.hashes},
		{redisdb.KeyUser("*"), r.hashes},
	} {
		err := node.Scan(ctx, one.pattern, raiseBatch, func(keys []string) error {
			own := keys[:0]
			for _, key := range keys {
				if isObject(key) {
					own = append(own, key)
				}
			}
			return one.raise(own)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// isObject reports whether a key is of an object itself, and not of what belongs to it.
func isObject(key string) bool { return bytes.Count([]byte(key), []byte(":")) == 2 }

type raiser struct {
	//nolint:containedctx // a raiser lives for one call of raise
	ctx  context.Context
	node *redisnode.Node
	add  int64
}

func (r raiser) raised(version int64) int64 { return version%versionStep + r.add }

// raiseHashes raises the versions of users and purchases, and those that a purchase notes of its refunds.
// ARGV: 1 versionStep, 2 what is added to a version without it
const raiseHashes = `for i = 1, #KEYS do
  local found = redis.call('HGETALL', KEYS[i])
  for f = 1, #found, 2 do
    if found[f] == 'version' or string.sub(found[f], 1, 7) == 'refund:' then
      local version = tonumber(found[f + 1]) % tonumber(ARGV[1]) + tonumber(ARGV[2])
      redis.call('HSET', KEYS[i], found[f], string.format('%.0f', version))
    end
  end
end
return #KEYS`

func (r raiser) hashes(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	command := redisnode.Command{"EVAL", raiseHashes, len(keys)}
	for _, key := range keys {
		command = append(command, key)
	}
	_, err := r.node.Do(r.ctx, append(command, versionStep, r.add)...)
	return err
}

// products raises the field version and the member of the body, which is JSON.
func (r raiser) products(keys []string) error {
	commands := make([]redisnode.Command, len(keys))
	for i, key := range keys {
		commands[i] = redisnode.Command{"HMGET", key, "version", "body"}
	}
	replies, err := r.node.Pipeline(r.ctx, commands)
	if err != nil {
		return err
	}
	for i, key := range keys {
		fields := redisnode.Texts(replies[i])
		version, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: the version %.40q: %w", key, fields[0], err)
		}
		body, err := withVersion([]byte(fields[1]), r.raised(version))
		if err != nil {
			return fmt.Errorf("%s: its body: %w", key, err)
		}
		commands[i] = redisnode.Command{"HSET", key, "version", r.raised(version), "body", body}
	}
	_, err = r.node.Pipeline(r.ctx, commands)
	return err
}

// withVersion replaces the value of the member version of a JSON object, and leaves every other byte as it is.
func withVersion(body []byte, version int64) ([]byte, error) {
	in := jsontext.NewDecoder(bytes.NewReader(body))
	if token, err := in.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, fmt.Errorf("it is no JSON object: %w", err)
	}
	for in.PeekKind() != '}' {
		name, err := in.ReadToken()
		if err != nil {
			return nil, err
		}
		isVersion := name.String() == "version"
		value, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		if !isVersion {
			continue
		}
		end := in.InputOffset()
		out := append([]byte(nil), body[:end-int64(len(value))]...)
		out = strconv.AppendInt(out, version, 10)
		return append(out, body[end:]...), nil
	}
	return nil, fmt.Errorf("it has no version")
}
