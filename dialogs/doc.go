// Package dialogs holds conversation trees: what an operator writes in YAML, checked
// when it is loaded and run without I/O, clock or chance.
package dialogs
