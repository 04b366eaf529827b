package reconcile

import (
	"strconv"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/users"
	"evergreen/services/ops/redisnode"
)

func (c *checker) usersOf(ids []string) error {
	replies, err := c.ask(ids, func(id string) redisnode.Command {
		return redisnode.Command{"HMGET", redisdb.KeyUser(id), "email", "version"}
	})
	if err != nil {
		return err
	}
	var questions []question
	for i, id := range ids {
		fields := redisnode.Texts(replies[i])
		if n, err := strconv.ParseInt(fields[1], 10, 64); err != nil || n < 1 {
			c.wrong("user %s: the version is %.40q", id, fields[1])
		}
		if fields[0] == "" {
			continue // it was deleted, and its purchases refer to it
		}
		c.report.Users++
		questions = append(questions,
			c.leads(redisdb.KeyUserEmail(users.Fold(fields[0])), id),
			c.within(redisdb.KeyUsers(), id, "user"))
	}
	return c.hold(questions)
}

func (c *checker) emailsOf(folded []string) error {
	c.counts.emails += int64(len(folded))
	replies, err := c.ask(folded, func(email string) redisnode.Command {
		return redisnode.Command{"GET", redisdb.KeyUserEmail(email)}
	})
	if err != nil {
		return err
	}
	var questions []question
	for _, reply := range replies {
		questions = append(questions, c.exists(redisdb.KeyUser(redisnode.Text(reply)), "an email"))
	}
	return c.hold(questions)
}

func (c *checker) sessionsOf(hashes []string) error {
	replies, err := c.ask(hashes, func(hash string) redisnode.Command {
		return redisnode.Command{"HGET", redisdb.KeySession(hash), "user"}
	})
	if err != nil {
		return err
	}
	var questions []question
	for _, reply := range replies {
		if user := redisnode.Text(reply); user != "" { // else it has expired meanwhile
			questions = append(questions, c.exists(redisdb.KeyUser(user), "a session"))
		}
	}
	return c.hold(questions)
}

func (c *checker) sessionListsOf(ids []string) error {
	var questions []question
	for _, id := range ids {
		questions = append(questions, c.exists(redisdb.KeyUser(id), "a list of sessions"))
	}
	return c.hold(questions)
}
