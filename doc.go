// Package warmline holds no code of its own: it is the root of the house whose
// rooms are the folders beside it. The test here keeps the floors: imports
// point down only, one room per foreign library, fakes only in tests and in
// cmd. See README.md for the picture.
package warmline
