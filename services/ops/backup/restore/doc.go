// Package restore puts a backup in the place of a shop's data: the whole of it, or the state at a commit or at a moment. It
// works on an empty shop and on one that sells. What the shop had before is kept aside, and undo brings it back.
//
// A restore prepares everything first: it extracts the files of the backup, cuts them, loads them into a scratch server,
// checks them there, and gives all objects new versions and the data a new history. Then it asks. Then it holds the shop,
// keeps its data aside, and copies the scratch server's data into the primary, by the Redis protocol.
//
// The key evg:restore says who restores and how far it has come. Its fields: owner, id, seen (when the owner last gave a
// sign of life, in ms), step ("" before the shop is held, then holding, then loading), layout (what evg:schema was before it
// became the mark), aside (the name of the data that were kept aside), empty (the history of the shop if it was empty),
// restores (what evg:restores was). A restore that was killed while it was holding or loading leaves the shop closed, with the
// mark; the next one, or undo, begins with what these fields say.
//
// All writes to the primary are scripts that look at the field id first. A restore that was stopped and goes on after another one
// has taken its place writes nothing.
package restore

import "errors"

// Why nothing is restored.
var (
	// ErrRunning says that another restore is at work on the shop.
	ErrRunning = errors.New("another restore is under way")
	// ErrNotAsked says that there is nobody to ask.
	ErrNotAsked = errors.New("there is no terminal to ask on; YES=1 restores without asking")
	// ErrRefused says that the answer was not yes.
	ErrRefused = errors.New("nothing was restored")
	// ErrNoRoom says that the disk or the memory is too small.
	ErrNoRoom = errors.New("there is no room")
	// ErrNoBackup says that no backup fits what was asked for.
	ErrNoBackup = errors.New("there is no such backup")
	// ErrOpened says that the shop is open with the data that it should have, and that a later step has failed.
	ErrOpened = errors.New("the shop is open, and not all of it is as before")
	// ErrShop says that the shop is in no state in which it could be restored.
	ErrShop = errors.New("the shop cannot be restored now")
)

// mark stands at evg:schema while a restore is under way.
const mark = "restoring"
