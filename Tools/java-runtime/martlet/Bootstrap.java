// SPDX-License-Identifier: Apache-2.0
package martlet;

import com.amazonaws.services.lambda.crac.Core;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.LambdaRuntimeInternal;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Runs one Lambda handler on Java 17 or newer, over the Runtime API. Compiled without lambdas and with inlined string
 * concatenation, whose machinery would cost 20 ms of each cold start.
 */
public final class Bootstrap {
    private static final String CRAC_PROPERTY = "org.crac.Core.Compat";
    private static final String TRACE_PROPERTY = "com.amazonaws.xray.traceHeader";
    private static final int CLAIM_LIMIT_BYTES = 1 << 20;
    private static final String[] HIDDEN = {"MARTLET_LOG_FD", "_LAMBDA_TELEMETRY_LOG_FD", "MARTLET_CLAIM_FD"};

    private Bootstrap() {}

    public static void main(String[] arguments) throws Throwable {
        String logDescriptor = first(System.getenv("MARTLET_LOG_FD"), System.getenv("_LAMBDA_TELEMETRY_LOG_FD"));
        String claimDescriptor = System.getenv("MARTLET_CLAIM_FD");
        if (logDescriptor != null) Log.framed = Log.open(Integer.parseInt(logDescriptor));
        if (logDescriptor != null || claimDescriptor != null)
            for (String name : HIDDEN) Internals.environment().remove(name);
        // Unbuffered: nothing is lost when the process is frozen or killed.
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), false, StandardCharsets.UTF_8));
        RuntimeApi early = null;
        String handler = null;
        if (claimDescriptor != null) {
            early = WarmUp.run(System.getenv("AWS_LAMBDA_RUNTIME_API"));
            handler = become(claim(Integer.parseInt(claimDescriptor)));
        }
        String address = System.getenv("AWS_LAMBDA_RUNTIME_API");
        RuntimeApi api = early != null && early.address.equals(address) ? early : new RuntimeApi(address);
        Log.configure(System.getenv());
        if (System.getProperty(CRAC_PROPERTY) == null) System.setProperty(CRAC_PROPERTY, "com.amazonaws.services.lambda.crac");
        ClassLoader loader = classLoader();
        Thread.currentThread().setContextClassLoader(loader);
        Handlers.Handler function = initialise(api, first(handler, first(System.getenv("_HANDLER"), "")), loader);
        if ("snap-start".equals(System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"))) snapshot(api);
        serve(api, function, loader);
    }

    private static String first(String preferred, String other) {
        return preferred != null ? preferred : other;
    }

    // Claim

    /** Blocks until the server says what to become. */
    private static byte[] claim(int descriptor) throws Exception {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (InputStream pipe = new FileInputStream(Internals.descriptor(descriptor))) {
            byte[] part = new byte[65536];
            for (int count = 0, last = 0; last != '\n' && (count = pipe.read(part)) > 0; last = part[count - 1]) {
                line.write(part, 0, count);
                if (line.size() > CLAIM_LIMIT_BYTES) throw new IOException("a claim larger than any environment");
            }
        }
        if (line.size() == 0) Runtime.getRuntime().halt(0); // the server went away or no longer wants this environment
        return line.toByteArray();
    }

    /** Takes the environment of a claim over; the handler that it names, if any. */
    static String become(byte[] claim) throws Exception {
        Map<?, ?> fields = (Map<?, ?>) new JsonReader(new String(claim, StandardCharsets.UTF_8)).read();
        Map<String, String> environment = Internals.environment();
        if (fields.get("environment") instanceof Map)
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) fields.get("environment")).entrySet())
                environment.put((String) entry.getKey(), String.valueOf(entry.getValue()));
        String zone = environment.get("TZ");
        if (zone != null) setZone(zone.startsWith(":") ? zone.substring(1) : zone);
        return (String) fields.get("handler");
    }

    private static void setZone(String zone) {
        java.util.TimeZone.setDefault(java.util.TimeZone.getTimeZone(zone));
    }

    // Init

    /** `/var/task`, the jars of its `lib`, those of the layers' `java/lib`, in the order of their names. */
    static URLClassLoader classLoader() throws IOException {
        String root = first(System.getenv("LAMBDA_TASK_ROOT"), "/var/task");
        List<URL> places = new ArrayList<>();
        places.add(new URL("file", null, -1, root + "/"));
        addJars(root + "/lib", places);
        addJars("/opt/java/lib", places);
        return new URLClassLoader(places.toArray(new URL[0]), ClassLoader.getSystemClassLoader());
    }

    private static void addJars(String directory, List<URL> places) throws IOException {
        String[] names = new File(directory).list();
        if (names == null) return;
        Arrays.sort(names);
        for (String name : names) if (name.endsWith(".jar")) places.add(new URL("file", null, -1, directory + "/" + name));
    }

    private static Handlers.Handler initialise(RuntimeApi api, String name, ClassLoader loader) throws IOException {
        try {
            return Handlers.load(name, loader);
        } catch (Failure failure) {
            report(failure.logText());
            post(api, "init/error", failure.payload(), Failure.BAD_CODE);
            System.exit(1);
            throw failure;
        }
    }

    /** The function is loaded. Rests while the server takes a snapshot of this process; returns as a copy of it. */
    private static void snapshot(RuntimeApi api) throws IOException {
        try {
            Core.getGlobalContext().beforeCheckpoint(null);
        } catch (Exception error) {
            giveUp(api, error, "init/error", "Runtime.BeforeCheckpointError");
        }
        System.gc(); // garbage would make the image larger
        flush();
        api.rest();
        try {
            Core.getGlobalContext().afterRestore(null);
        } catch (Exception error) {
            giveUp(api, error, "restore/error", "Runtime.AfterRestoreError");
        }
    }

    private static void giveUp(RuntimeApi api, Exception error, String path, String errorType) throws IOException {
        report(Failure.of(error, false).logText());
        post(api, path, Failure.payload(error), errorType);
        flush();
        Runtime.getRuntime().halt(64); // at once: hooks of a normal end were not made for a process that rests
    }

    private static void report(String text) {
        System.out.flush();
        System.err.flush();
        LambdaRuntime.getLogger().log(text, Log.json ? LogLevel.ERROR : LogLevel.UNDEFINED);
    }

    private static void post(RuntimeApi api, String path, String payload, String errorType) throws IOException {
        byte[] bytes = payload.getBytes(StandardCharsets.UTF_8);
        api.post(path, bytes, bytes.length, errorType);
    }

    // Invocations

    private static void serve(RuntimeApi api, Handlers.Handler handler, ClassLoader loader) throws IOException {
        while (serveOne(api, handler, loader)) continue;
    }

    /** Whether the process can go on. */
    static boolean serveOne(RuntimeApi api, Handlers.Handler handler, ClassLoader loader) throws IOException {
        byte[] event = api.next();
        Map<String, String> headers = api.headers;
        String path = "invocation/" + headers.get("lambda-runtime-aws-request-id") + "/";
        setTrace(headers.get("lambda-runtime-trace-id"));
        Answer answer = new Answer();
        try {
            LambdaContext context = new LambdaContext(headers);
            Log.current = context;
            if (LambdaRuntimeInternal.getUseLog4jAppender()) tellLog4j(loader, context.getAwsRequestId());
            handler.call(event, answer, context);
        } catch (Failure failure) {
            report(failure.logText());
            post(api, path + "error", failure.payload(), Failure.BAD_CODE);
            return !failure.isFatal;
        } catch (Throwable error) {
            Failure.withoutOwnFrames(error);
            report(Failure.of(error, false).logText());
            post(api, path + "error", Failure.payload(error), Failure.USER);
            return !(error instanceof VirtualMachineError) && !(error instanceof IOError);
        }
        flush();
        Thread.interrupted(); // a flag that the function has left behind
        api.post(path + "response", answer.bytes(), answer.size(), null);
        return true;
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }

    private static void setTrace(String trace) {
        if (trace == null) System.clearProperty(TRACE_PROPERTY);
        else System.setProperty(TRACE_PROPERTY, trace);
    }

    /** AWS's Log4j appender finds the request id in the context of Log4j 2, or of 1. */
    private static void tellLog4j(ClassLoader loader, String requestId) {
        String[][] places = {{"org.apache.logging.log4j.ThreadContext", "java.lang.String"}, {"org.apache.log4j.MDC", "java.lang.Object"}};
        for (String[] place : places) {
            try {
                Class.forName(place[0], true, loader).getMethod("put", String.class, Class.forName(place[1])).invoke(null, "AWSRequestId", requestId);
            } catch (ReflectiveOperationException absent) {
                continue; // the other one, or none: then the records are without it
            }
        }
    }

    /** Lets the answer be posted without a copy. */
    private static final class Answer extends ByteArrayOutputStream {
        byte[] bytes() {
            return buf;
        }
    }
}
