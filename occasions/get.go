package occasions

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// get asks a service for one document: 200, and not more than a megabyte.
func get(ctx context.Context, client *http.Client, who, url string, header http.Header) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", who, err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", who, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", who, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, askBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", who, err)
	}
	if len(body) > askBytes {
		return nil, fmt.Errorf("%s answered more than %d bytes", who, askBytes)
	}
	return body, nil
}
