// Package attack shows that no customer can stop the shop. Each class of attack goes after one resource of a private shop
// while other customers and an admin buy, pay, read and log in at a steady rate. The class holds when they notice nothing of
// it, no process is killed, and the resource stays within its bound. A control makes the same attack on a shop without the
// defence, and has to go red.
//
// # How to add a class
//
// Write one file, class_NAME.go, with one function that gives the Class, and add that function to Classes in classes.go.
// class_user_rate.go is the shortest example. A class has:
//
//   - Name, Title and Resource: what is attacked and how, for people. The name is that of make attack CLASS=name.
//   - Settings: those of .env that the shop needs otherwise than they ship, such as a small REDIS_MAXMEMORY.
//   - Setup: what has to be in the shop before, such as the attackers' accounts and their purchases. Scene has helpers:
//     Customer signs one up and in, Product makes one, Client speaks as a guest from one address.
//   - Attack: the attack. It ends by itself when ctx ends. Scene.Flood sends requests at a bounded rate, at most so many at
//     a time, and counts the answers by status and code; an attack on connections dials by itself and counts by Scene.Count.
//   - Lasts: how long the attack goes on; the quiet measurement before takes as long, up to 10 s.
//   - Gauges: metrics of the replicas whose highest value is reported (and given to Bound), summed over label sets.
//   - Bound: the class's own demand on what was found, such as "most requests were refused, by 429 user-rate".
//     It gives a sentence for each thing that does not hold.
//   - Control: how the defence is taken out (Weakness: a name that a program built with the tag drill knows, listed in
//     redisdb/weakness_drill.go; or Prepare: changed settings or files), and the rules of which one has to go red.
//   - Short: what make attack-short changes, if the class is part of it.
//
// The rules that every class is held against stand in judge.go: alive, memory, failures, latency, bound.
package attack
