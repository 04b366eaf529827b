package redisdb

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// replyOf makes a reply as go-redis gives it, each element from a few bytes:
// numbers, texts, nothing, floats and lists, in any order.
func replyOf(bytes []byte) any {
	var list []any
	for len(bytes) > 1 {
		kind, n := bytes[0]%6, int(bytes[1])%8
		bytes = bytes[2:]
		n = min(n, len(bytes))
		switch kind {
		case 0, 1:
			list = append(list, int64(n)-2)
		case 2:
			list = append(list, string(bytes[:n]))
		case 3:
			list = append(list, nil)
		case 4:
			list = append(list, float64(n))
		default:
			list = append(list, replyOf(bytes[:n]))
		}
		if kind == 2 || kind == 5 {
			bytes = bytes[n:]
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// A reply that is taken has lost nothing on its way; every other is an error and
// never half a result.
func FuzzReplies(f *testing.F) {
	for _, bytes := range [][]byte{
		nil, {0, 2}, {0, 2, 0, 2}, {0, 3, 0, 2, 2, 3, 'a', 'b', 'c'}, {0, 4, 0, 2}, {0, 6, 0, 2}, {2, 1, '0', 0, 2}, {0, 2, 0, 2, 3, 0}, {0, 3, 2, 2, 'n', 'o'}, {0, 2, 0, 2, 5, 4, 0, 0, 0, 0},
	} {
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		value := replyOf(bytes)
		got, err := parse(value)
		if err != nil {
			require.Zero(t, got)
			return
		}
		list := value.([]any) //nolint:forcetypeassert // nothing else may be taken
		require.Equal(t, list[0], got.how)
		if name, named := list[1].(string); named {
			require.Equal(t, Named, got.Code)
			require.Equal(t, name, got.Refusal)
		} else {
			require.Equal(t, list[1], int64(got.Code))
			require.Empty(t, got.Refusal)
		}
		require.Equal(t, got.how == remembered || got.how == repeated, got.Replayed)
		require.Equal(t, got.how == firstRun || got.how == repeated, got.Own)
		require.Len(t, got.Values, len(list)-2)
		for i, v := range list[2:] {
			if number, isNumber := v.(int64); isNumber {
				require.Equal(t, strconv.FormatInt(number, 10), got.Values[i])
				require.Equal(t, number, got.Int(i))
				continue
			}
			require.Equal(t, v, got.Values[i])
		}
		require.Zero(t, got.Int(len(got.Values)))
	})
}
