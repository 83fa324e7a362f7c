// SPDX-License-Identifier: Apache-2.0
package martlet;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Uses everything while time is free, so that the first real invocation finds it loaded and compiled. */
final class WarmUp {
    private static final int ROUNDS = 300;

    private WarmUp() {}

    /** A bean of each kind of property. */
    public static final class Sample implements RequestHandler<Map<String, Object>, Sample> {
        private String name = "a";
        private List<Integer> numbers = List.of(1);

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public List<Integer> getNumbers() {
            return numbers;
        }

        public void setNumbers(List<Integer> numbers) {
            this.numbers = numbers;
        }

        @Override
        public Sample handleRequest(Map<String, Object> input, Context context) {
            context.getLogger();
            return this;
        }

        public Sample same(Sample input, Context context) {
            return input;
        }
    }

    /** A connection to the real Runtime API, where its address is known already; a failure shows at the first request. */
    static RuntimeApi run(String address) {
        try {
            rehearse();
        } catch (Throwable error) {
            Failure.withoutOwnFrames(error); // a cold process works too
        }
        if (address == null) return null;
        RuntimeApi api = new RuntimeApi(address);
        try {
            api.connect();
        } catch (IOException error) {
            return null;
        }
        return api;
    }

    private static void rehearse() throws Throwable {
        String place = new File(WarmUp.class.getProtectionDomain().getCodeSource().getLocation().getPath()).getParent();
        String claim = "{\"environment\":{\"LAMBDA_TASK_ROOT\":\"" + place + "\"},\"handler\":\"Warm::handle\"}\n";
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        String name = Bootstrap.become(claim.getBytes(StandardCharsets.UTF_8));
        Log.configure(System.getenv());
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
                URLClassLoader loader = Bootstrap.classLoader()) {
            Thread.currentThread().setContextClassLoader(loader);
            Thread peer = new Thread() {
                @Override
                public void run() {
                    answer(server);
                }
            };
            peer.setDaemon(true);
            peer.start();
            Handlers.load("not.There", loader);
            Failure.of(new IllegalStateException("warm"), false).logText();
            RuntimeApi api = new RuntimeApi("127.0.0.1:" + server.getLocalPort());
            rounds(api, loader, name);
            api.close();
            peer.join(1000);
        } finally {
            Internals.environment().remove("LAMBDA_TASK_ROOT");
            Thread.currentThread().setContextClassLoader(before);
            Log.current = null;
        }
    }

    private static void rounds(RuntimeApi api, ClassLoader loader, String loaded) throws IOException {
        String name = Sample.class.getName();
        Handlers.Handler[] handlers = {
            Handlers.load(name, loader), Handlers.load(name + "::same", loader), Handlers.load(loaded, loader),
        };
        for (int i = 0; i < ROUNDS; i++) {
            Bootstrap.serveOne(api, handlers[i % handlers.length], loader);
            Log.timestamp(i);
        }
    }

    /** Plays the Runtime API: each request is one piece, and gets the answer that is due. */
    private static void answer(ServerSocket server) {
        String event = "{\"name\":\"b\",\"numbers\":[1,2]}";
        byte[] next = ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: warm\r\n"
                + "Lambda-Runtime-Deadline-Ms: 0\r\nContent-Length: " + event.length() + "\r\n\r\n" + event)
                .getBytes(StandardCharsets.ISO_8859_1);
        byte[] taken = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);
        try (Socket peer = server.accept()) {
            InputStream input = peer.getInputStream();
            OutputStream output = peer.getOutputStream();
            byte[] request = new byte[4096];
            while (input.read(request) > 0) output.write(request[0] == 'G' ? next : taken);
        } catch (IOException error) {
            return; // the rehearsal is over
        }
    }
}
