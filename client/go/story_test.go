package sockwright_test

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	v1 "sockwright.dev/go/sockwrightv1"
)

// The story that the clients of all languages tell: see client/STORY.md.
type story struct {
	Steps []struct {
		Call    string            `json:"call"`
		Request any               `json:"request"`
		Reply   any               `json:"reply"`
		Keep    map[string]string `json:"keep"`
		Watch   any               `json:"watch"`
		Error   *struct {
			Code   string `json:"code"`
			Detail any    `json:"detail"`
		} `json:"error"`
	} `json:"steps"`
	Events []any `json:"events"`
}

func TestTheStory(t *testing.T) {
	text, err := os.ReadFile("../story.json")
	if err != nil {
		t.Fatal(err)
	}
	var story story
	if err := json.Unmarshal(text, &story); err != nil {
		t.Fatal(err)
	}
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()

	kept := map[string]any{}
	var watch grpc.ServerStreamingClient[v1.WatchResponse]
	for number, step := range story.Steps {
		if step.Watch != nil {
			request := &v1.WatchRequest{}
			read(t, request, step.Watch)
			if watch, err = v1.NewEventsClient(channel).Watch(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if first, err := watch.Recv(); err != nil || !first.GetSnapshot().GetLast() {
				t.Fatalf("step %d: %v, %v", number, first, err)
			}
			continue
		}
		reply, err := invoke(t, channel, step.Call, filled(step.Request, kept))
		if step.Error != nil {
			failed, _ := status.FromError(err)
			detail := any(map[string]any{})
			for _, each := range failed.Details() {
				detail = written(t, each.(proto.Message))
			}
			if codeName(failed) != step.Error.Code || step.Error.Detail != nil && !fits(step.Error.Detail, detail) {
				t.Errorf("step %d, %s: %v with %v; want %+v", number, step.Call, err, detail, step.Error)
			}
			continue
		}
		if err != nil {
			t.Fatalf("step %d, %s: %v", number, step.Call, err)
		}
		found := written(t, reply)
		if want := filled(step.Reply, kept); !fits(want, found) {
			t.Errorf("step %d, %s: %v; want %v", number, step.Call, found, want)
		}
		for name, field := range step.Keep {
			kept[name] = found.(map[string]any)[field]
		}
	}

	var told []*v1.Event
	for _, event := range story.Events {
		for len(told) == 0 {
			response, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			told = response.GetEvents().GetEvents()
		}
		if want, found := filled(event, kept), written(t, told[0]); !fits(want, found) {
			t.Errorf("%v; want %v", found, want)
		}
		told = told[1:]
	}
}

func invoke(t *testing.T, channel *grpc.ClientConn, call string, request any) (proto.Message, error) {
	t.Helper()
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("sockwright.v1." + call))
	if err != nil {
		t.Fatal(err)
	}
	method := found.(protoreflect.MethodDescriptor)
	in, out := message(t, method.Input()), message(t, method.Output())
	read(t, in, request)
	path := "/sockwright.v1." + strings.Replace(call, ".", "/", 1)
	return out, channel.Invoke(context.Background(), path, in, out)
}

func message(t *testing.T, described protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(described.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

func read(t *testing.T, into proto.Message, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = protojson.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func written(t *testing.T, message proto.Message) (value any) {
	t.Helper()
	text, err := protojson.Marshal(message)
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// codeName is a code as the gRPC specification spells it.
func codeName(of *status.Status) string {
	var name strings.Builder
	for i, letter := range of.Code().String() {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return strings.ToUpper(name.String())
}

// filled puts what was kept in the place of "$name".
func filled(value any, kept map[string]any) any {
	switch value := value.(type) {
	case map[string]any:
		made := map[string]any{}
		for key, each := range value {
			made[key] = filled(each, kept)
		}
		return made
	case []any:
		made := make([]any, len(value))
		for i, each := range value {
			made[i] = filled(each, kept)
		}
		return made
	case string:
		if name, found := strings.CutPrefix(value, "$"); found {
			return kept[name]
		}
	}
	return value
}

// fits lets objects have more than is wanted, and nothing else.
func fits(want, found any) bool {
	switch want := want.(type) {
	case map[string]any:
		found, ok := found.(map[string]any)
		for key, each := range want {
			ok = ok && fits(each, found[key])
		}
		return ok
	case []any:
		found, ok := found.([]any)
		ok = ok && len(want) == len(found)
		for i := 0; ok && i < len(want); i++ {
			ok = fits(want[i], found[i])
		}
		return ok
	}
	return reflect.DeepEqual(want, found)
}
