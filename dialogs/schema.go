package dialogs

import _ "embed"

// Schema is a JSON Schema (2020-12) of the tree language, for editors that complete and
// check while one types. It says less than Parse: names, paths and words are Parse's.
//
//go:embed schema.json
var Schema string
