package admin

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Player is what the server answers for.
type Player interface {
	// State gives what is played now.
	State() State
	// Change changes the settings and gives the new ones.
	Change(Change) (Settings, error)
}

// Address is where the player of a sandbox with that port answers.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// NewHandler serves the protocol to callers that show the token.
func NewHandler(player Player, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathState, func(w http.ResponseWriter, _ *http.Request) { answer(w, player.State()) })
	mux.HandleFunc("PATCH "+pathSettings, func(w http.ResponseWriter, r *http.Request) {
		var change Change
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&change); err != nil {
			http.Error(w, "read the change: "+err.Error(), http.StatusBadRequest)
			return
		}
		settings, err := player.Change(change)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, settings)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(shown), []byte(token)) != 1 {
			http.Error(w, "the sandbox's token is missing or wrong", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// answer writes JSON; a caller that has gone is its own trouble.
func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

// Client talks to a player.
type Client struct {
	Port  int
	Token string
}

// requestTimeout bounds one question to the player, which answers from memory.
const requestTimeout = 5 * time.Second

// State asks what is played.
func (c Client) State(ctx context.Context) (State, error) {
	var state State
	return state, c.call(ctx, http.MethodGet, pathState, nil, &state)
}

// Change changes settings and gives the new ones.
func (c Client) Change(ctx context.Context, change Change) (Settings, error) {
	body, err := json.Marshal(change)
	if err != nil {
		return Settings{}, fmt.Errorf("encode the change: %w", err)
	}
	var settings Settings
	return settings, c.call(ctx, http.MethodPatch, pathSettings, body, &settings)
}

// call sends one request and decodes the answer.
func (c Client) call(ctx context.Context, method, path string, body []byte, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+Address(c.Port)+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the player: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the player: %w; `sandbox up` starts it again", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask the player: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the player refused: %s", strings.TrimSpace(string(data)))
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read the player's answer: %w", err)
	}
	return nil
}
