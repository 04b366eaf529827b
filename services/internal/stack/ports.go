package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// checkPorts refuses an address that somebody else listens on. The processes of
// a stack that was just killed may take a moment to vanish.
func checkPorts(prefix, alsoListen string) error {
	wanted := map[string]string{}
	for _, s := range topology() {
		wanted[s.address(prefix)] = s.name
		wanted[s.statusAddress(prefix)] = s.name
	}
	if alsoListen != "" {
		wanted[alsoListen] = "nginx"
	}
	var err error
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = checkEach(wanted); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func checkEach(wanted map[string]string) error {
	for address, name := range wanted {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("%s is needed for %s, but cannot be listened on; nothing was changed: %w", address, name, err)
		}
		listener.Close()
	}
	return nil
}

// claim locks a prefix and checks that its addresses are free.
func claim(locks, prefix, alsoListen, owner string) (*lock, error) {
	held, err := acquire(locks, prefix, owner)
	if err != nil {
		return nil, err
	}
	if err := checkPorts(prefix, alsoListen); err != nil {
		held.release()
		return nil, err
	}
	return held, nil
}

// claimPrivate claims a random prefix for a stack that lives as long as a test.
// All of 127.0.0.0/8 is loopback on Linux; the range leaves out what people use
// by hand.
func claimPrivate(locks, owner string) (*lock, string, error) {
	var errs []error
	for range 20 {
		prefix := fmt.Sprintf("127.%d.%d", 64+rand.IntN(160), rand.IntN(256))
		held, err := claim(locks, prefix, "", owner)
		if err == nil {
			return held, prefix, nil
		}
		errs = append(errs, err)
	}
	return nil, "", fmt.Errorf("no free prefix found: %w", errors.Join(errs...))
}

// PrivateNet finds a prefix that is free, for who starts a stack in another
// process than this one and therefore cannot be given it under the lock.
func PrivateNet() (string, error) {
	held, prefix, err := claimPrivate(lockDir(), "a search for a free prefix")
	if err != nil {
		return "", err
	}
	held.release()
	return prefix, nil
}

// WhileFree does something to a prefix that must not happen while a stack runs
// on it, and keeps stacks from starting meanwhile. If one runs: *HeldError.
func WhileFree(prefix, owner string, do func() error) error {
	held, err := acquire(lockDir(), prefix, owner)
	if err != nil {
		return err
	}
	defer held.release()
	return do()
}
