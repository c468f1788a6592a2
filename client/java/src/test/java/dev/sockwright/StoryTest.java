package dev.sockwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.Status;
import dev.sockwright.junit.SockwrightExtension;
import dev.sockwright.v1.Event;
import dev.sockwright.v1.NetworksGrpc;
import dev.sockwright.v1.SessionsGrpc;
import dev.sockwright.v1.SocketError;
import dev.sockwright.v1.SocketsGrpc;
import dev.sockwright.v1.WatchRequest;
import dev.sockwright.v1.WatchResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The story that the clients of all languages tell: see client/STORY.md. */
@ExtendWith(SockwrightExtension.class)
class StoryTest {
    private static final List<ServiceDescriptor> SERVICES = List.of(
            NetworksGrpc.getServiceDescriptor(),
            SessionsGrpc.getServiceDescriptor(),
            SocketsGrpc.getServiceDescriptor());

    private final Map<String, JsonElement> kept = new HashMap<>();

    @Test
    void theStory(Sockwright client) throws IOException {
        JsonObject story = JsonParser.parseString(Files.readString(Path.of("../story.json"))).getAsJsonObject();
        Channel channel = client.sockets().getChannel();
        Iterator<WatchResponse> watch = null;
        for (JsonElement element : story.getAsJsonArray("steps")) {
            JsonObject step = element.getAsJsonObject();
            if (step.has("watch")) {
                WatchRequest.Builder request = WatchRequest.newBuilder();
                JsonFormat.parser().merge(step.get("watch").toString(), request);
                watch = client.events().watch(request.build());
                assertTrue(watch.next().getSnapshot().getLast());
            } else if (step.has("error")) {
                JsonObject error = step.getAsJsonObject("error");
                StatusRuntimeException failed =
                        assertThrows(StatusRuntimeException.class, () -> call(channel, step), step.toString());
                assertEquals(error.get("code").getAsString(), failed.getStatus().getCode().name(), step.toString());
                if (error.has("detail")) {
                    assertFits(error.get("detail"), json(detail(failed)), step);
                }
            } else {
                JsonObject reply = json(call(channel, step)).getAsJsonObject();
                assertFits(filled(step.get("reply")), reply, step);
                if (step.has("keep")) {
                    step.getAsJsonObject("keep")
                            .entrySet()
                            .forEach(name -> kept.put(name.getKey(), reply.get(name.getValue().getAsString())));
                }
            }
        }
        ArrayDeque<Event> told = new ArrayDeque<>();
        for (JsonElement event : story.getAsJsonArray("events")) {
            while (told.isEmpty()) {
                told.addAll(watch.next().getEvents().getEventsList());
            }
            assertFits(filled(event), json(told.remove()), event);
        }
    }

    private Message call(Channel channel, JsonObject step) throws InvalidProtocolBufferException {
        String name = "sockwright.v1." + step.get("call").getAsString().replace('.', '/');
        MethodDescriptor<?, ?> method = SERVICES.stream()
                .flatMap(service -> service.getMethods().stream())
                .filter(each -> each.getFullMethodName().equals(name))
                .findFirst()
                .orElseThrow();
        return invoke(channel, method, filled(step.get("request")));
    }

    @SuppressWarnings("unchecked")
    private static <Q, R> Message invoke(Channel channel, MethodDescriptor<Q, R> method, JsonElement request)
            throws InvalidProtocolBufferException {
        PrototypeMarshaller<Q> marshaller = (PrototypeMarshaller<Q>) method.getRequestMarshaller();
        Message.Builder builder = ((Message) marshaller.getMessagePrototype()).newBuilderForType();
        JsonFormat.parser().merge(request.toString(), builder);
        return (Message)
                ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, (Q) builder.build());
    }

    private static SocketError detail(StatusRuntimeException failed) throws InvalidProtocolBufferException {
        Status status = StatusProto.fromThrowable(failed);
        for (Any detail : status.getDetailsList()) {
            if (detail.is(SocketError.class)) {
                return detail.unpack(SocketError.class);
            }
        }
        return SocketError.getDefaultInstance();
    }

    private static JsonElement json(MessageOrBuilder message) throws InvalidProtocolBufferException {
        return JsonParser.parseString(JsonFormat.printer().print(message));
    }

    /** What was kept, in the place of "$name". */
    private JsonElement filled(JsonElement value) {
        if (value instanceof JsonObject object) {
            JsonObject made = new JsonObject();
            object.entrySet().forEach(field -> made.add(field.getKey(), filled(field.getValue())));
            return made;
        }
        if (value instanceof JsonArray array) {
            JsonArray made = new JsonArray();
            array.forEach(each -> made.add(filled(each)));
            return made;
        }
        boolean named = value instanceof JsonPrimitive text && text.isString() && text.getAsString().startsWith("$");
        return named ? kept.get(value.getAsString().substring(1)) : value;
    }

    private static void assertFits(JsonElement wanted, JsonElement found, JsonElement where) {
        assertTrue(fits(wanted, found), () -> where + ": " + found + "; want " + wanted);
    }

    /** Objects may have more than is wanted, lists and values may not. */
    private static boolean fits(JsonElement wanted, JsonElement found) {
        if (wanted instanceof JsonObject object) {
            return found instanceof JsonObject other
                    && object.entrySet().stream()
                            .allMatch(field -> fits(field.getValue(), other.get(field.getKey())));
        }
        if (wanted instanceof JsonArray array) {
            boolean same = found instanceof JsonArray other && other.size() == array.size();
            for (int i = 0; same && i < array.size(); i++) {
                same = fits(array.get(i), found.getAsJsonArray().get(i));
            }
            return same;
        }
        return wanted.equals(found);
    }
}
