package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/redisdb"
)

// What only a newer version knows of a product: a field of its hash, and a member of its stored body.
const (
	laterField = "from_a_later_version"
	laterValue = `{"kept":[1,"two",null],"deep":{"er":true}}`
	inBody     = "body." + laterField
)

// plant puts into every product a field that only a newer version knows, and into those that the mix does not edit a member
// of the stored body, too.
func plant(ctx context.Context, s *Scene) error {
	s.fields = history.Fields{}
	for _, id := range s.Load.Products() {
		if err := s.store(ctx, id, laterField, "kept"); err != nil {
			return err
		}
		s.fields[id] = map[string]string{laterField: "kept"}
	}
	for _, id := range s.Load.Unedited() {
		body, err := s.hash(ctx, redisdb.KeyProduct(id), "body")
		if err != nil {
			return err
		}
		more := strings.TrimSuffix(body, "}") + `,"` + laterField + `":` + laterValue + "}"
		if err := s.store(ctx, id, "body", more); err != nil {
			return err
		}
		s.fields[id][inBody] = laterValue
	}
	return nil
}

// stored reads what has become of the planted fields; nil if there are none.
func (s *Scene) stored(ctx context.Context) (history.Fields, error) {
	if s.fields == nil {
		return nil, nil
	}
	found := history.Fields{}
	for id, fields := range s.fields {
		found[id] = map[string]string{}
		for name := range fields {
			value, err := s.field(ctx, id, name)
			if err != nil {
				return found, err
			}
			if value != "" {
				found[id][name] = value
			}
		}
	}
	return found, nil
}

// field reads a field of a product's hash, or a member of its body; "" if it is not there.
func (s *Scene) field(ctx context.Context, product, name string) (string, error) {
	member, isMember := strings.CutPrefix(name, "body.")
	if !isMember {
		return s.hash(ctx, redisdb.KeyProduct(product), name)
	}
	text, err := s.hash(ctx, redisdb.KeyProduct(product), "body")
	if err != nil {
		return "", err
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return "", fmt.Errorf("the stored body of product %s: %w", product, err)
	}
	return string(body[member]), nil
}

func (s *Scene) hash(ctx context.Context, key, field string) (string, error) {
	name, err := s.Stack.Primary(ctx)
	if err != nil {
		return "", err
	}
	return s.Stack.Redis(ctx, name, "HGET", key, field)
}

func (s *Scene) store(ctx context.Context, product, field, value string) error {
	name, err := s.Stack.Primary(ctx)
	if err != nil {
		return err
	}
	_, err = s.Stack.Redis(ctx, name, "HSET", redisdb.KeyProduct(product), field, value)
	return err
}

// endReservation has a pending purchase's reservation end at a time in milliseconds.
const endReservation = `if redis.call('HGET', KEYS[1], 'status') ~= 'pending' then return redis.error_reply('it is not pending') end
redis.call('HSET', KEYS[1], 'reserved', ARGV[2])
return redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])`

// abandon makes purchases whose reservations end one after the other, the last one so long from now.
func (s *Scene) abandon(ctx context.Context, n int, last time.Duration) error {
	ids, err := s.Load.Abandon(ctx, n)
	if err != nil {
		return err
	}
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	begin, now := s.Load.Now(), time.Now()
	for i, id := range ids {
		in := firstEnd + (last-firstEnd)*time.Duration(i+1)/time.Duration(n)
		_, err := s.Stack.Redis(ctx, primary.Name(), "EVAL", endReservation, "2", redisdb.KeyPurchase(id), redisdb.KeyReservations(),
			id, strconv.FormatInt(now.Add(in).UnixMilli(), 10))
		if err != nil {
			return fmt.Errorf("ending the reservation of %s: %w", id, err)
		}
		s.Load.Ends(id, begin+in)
	}
	return nil
}

// sweptWithin is how long sweptBy waits.
const sweptWithin = 3 * time.Second

// sweptBy returns when each of these API replicas says that it has expired a purchase.
func (s *Scene) sweptBy(ctx context.Context, replicas ...string) error {
	ctx, cancel := context.WithTimeout(ctx, sweptWithin)
	defer cancel()
	var text []string
	err := until(ctx, func(ctx context.Context) error {
		text = nil
		for _, replica := range replicas {
			n, err := s.expired(ctx, replica)
			if err == nil && n == 0 {
				err = fmt.Errorf("the sweeper of %s has expired nothing", replica)
			}
			if err != nil {
				return err
			}
			text = append(text, fmt.Sprintf("%s %d", replica, n))
		}
		return nil
	})
	s.Step("purchases expired by " + strings.Join(text, ", "))
	return err
}

var expiredTotal = regexp.MustCompile(`(?m)^shop_purchases_total\{status="expired"\} (\d+)`)

var errNoCount = errors.New("its metrics do not count expired purchases")

// expired is how many purchases an API replica has expired since its start.
func (s *Scene) expired(ctx context.Context, replica string) (int, error) {
	p, err := s.Process(replica)
	if err != nil {
		return 0, err
	}
	host, _, err := net.SplitHostPort(p.Addr())
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, "9100")+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := expiredTotal.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%s: %w", replica, errNoCount)
	}
	return strconv.Atoi(string(found[1]))
}
