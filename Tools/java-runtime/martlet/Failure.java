// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** An error as caller and log see it. Also what is thrown when the function's code cannot be used. */
final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final String OWN = "martlet.";
    /** For `Lambda-Runtime-Function-Error-Type`. */
    static final String BAD_CODE = "Runtime.BadFunctionCode";
    static final String USER = "Runtime.UserException";

    private final String kind;
    private final String trace;
    /** Whether the process must end. */
    final boolean isFatal;

    Failure(String message, String kind, String trace, boolean isFatal) {
        super(message, null, false, false);
        this.kind = kind;
        this.trace = trace;
        this.isFatal = isFatal;
    }

    static Failure of(String message) {
        return new Failure(message, null, null, false);
    }

    static Failure of(Throwable error, boolean isFatal) {
        return new Failure(message(error), error.getClass().getName(), trace(error), isFatal);
    }

    static Failure of(String message, Throwable error, boolean isFatal) {
        return new Failure(message, error.getClass().getName(), trace(error), isFatal);
    }

    private static String message(Throwable error) {
        String text = error.getLocalizedMessage();
        return text == null ? error.getClass().getName() : text;
    }

    private static String trace(Throwable error) {
        withoutOwnFrames(error);
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    static void withoutOwnFrames(Throwable error) {
        withoutOwnFrames(error, Collections.newSetFromMap(new IdentityHashMap<>()));
    }

    private static void withoutOwnFrames(Throwable error, Set<Throwable> seen) {
        if (error == null || !seen.add(error)) return;
        StackTraceElement[] frames = error.getStackTrace();
        for (int i = 0; i < frames.length; i++) {
            if (!frames[i].getClassName().startsWith(OWN)) continue;
            error.setStackTrace(java.util.Arrays.copyOf(frames, i));
            break;
        }
        withoutOwnFrames(error.getCause(), seen);
        for (Throwable other : error.getSuppressed()) withoutOwnFrames(other, seen);
    }

    String logText() {
        if (kind == null && trace == null) return getMessage() + "\n";
        return getMessage() + ": " + (kind == null ? "" : kind) + "\n" + (trace == null ? "" : trace) + "\n";
    }

    /** Faults of the code carry no stack trace to the caller. */
    String payload() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("errorMessage", getMessage());
        fields.put("errorType", kind);
        return JsonWriter.text(fields);
    }

    static String payload(Throwable error) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("errorMessage", message(error));
        fields.put("errorType", error.getClass().getName());
        fields.put("stackTrace", texts(error.getStackTrace()));
        return JsonWriter.text(fields);
    }

    private static String[] texts(StackTraceElement[] frames) {
        String[] texts = new String[frames.length];
        for (int i = 0; i < frames.length; i++) texts[i] = frames[i].toString();
        return texts;
    }

    /** Throws any throwable without declaring it. */
    @SuppressWarnings("unchecked")
    static <T extends Throwable> RuntimeException unchecked(Throwable error) throws T {
        throw (T) error;
    }
}
