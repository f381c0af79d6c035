package postgres

import (
	"encoding/json"
	"errors"
)

// spooledFinish is a FinishIn whose error survives JSON.
type spooledFinish struct {
	plainFinish
	Err string `json:"err,omitempty"`
}

type plainFinish FinishIn

// MarshalJSON lets a result wait in a file until the database takes it.
func (in FinishIn) MarshalJSON() ([]byte, error) {
	s := spooledFinish{plainFinish: plainFinish(in)}
	if in.Result.Err != nil {
		s.Err = in.Result.Err.Error()
		s.Result.Err = nil
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (in *FinishIn) UnmarshalJSON(b []byte) error {
	var s spooledFinish
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*in = FinishIn(s.plainFinish)
	if s.Err != "" {
		in.Result.Err = errors.New(s.Err)
	}
	return nil
}
