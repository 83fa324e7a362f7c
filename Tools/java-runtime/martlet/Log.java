// SPDX-License-Identifier: Apache-2.0
package martlet;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The function's log. With a descriptor, each record is one frame: type (4), length (4), time in µs (8), message;
 * big-endian. Without, records go to standard output.
 */
public final class Log implements LambdaLogger {
    static volatile OutputStream framed;
    static volatile boolean json;
    static volatile LogLevel least = LogLevel.UNDEFINED;
    static volatile LambdaContext current;

    /** Takes format and level from the environment. */
    static void configure(Map<String, String> environment) {
        json = "JSON".equalsIgnoreCase(environment.get("AWS_LAMBDA_LOG_FORMAT"));
        String level = environment.get("AWS_LAMBDA_LOG_LEVEL");
        least = LogLevel.UNDEFINED;
        for (LogLevel known : LogLevel.values()) if (known.name().equalsIgnoreCase(level)) least = known;
    }

    @Override
    public void log(String message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(byte[] message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(String message, LogLevel level) {
        if (isWanted(level)) write(formatted(String.valueOf(message), level).getBytes(StandardCharsets.UTF_8), level);
    }

    @Override
    public void log(byte[] message, LogLevel level) {
        if (isWanted(level)) write(message, level);
    }

    private static boolean isWanted(LogLevel level) {
        return level == LogLevel.UNDEFINED || level.ordinal() >= least.ordinal();
    }

    private static String formatted(String message, LogLevel level) {
        if (!json) return level == LogLevel.UNDEFINED ? message : "[" + level.name() + "] " + message;
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("timestamp", timestamp(System.currentTimeMillis()));
        record.put("message", message);
        record.put("level", level.name());
        LambdaContext context = current;
        if (context != null) {
            record.put("AWSRequestId", context.getAwsRequestId());
            record.put("tenantId", context.getTenantId());
        }
        return JsonWriter.text(record) + "\n";
    }

    /** `2026-01-31T12:00:00.000Z`, without the cost of loading a formatter. */
    static String timestamp(long milliseconds) {
        java.time.LocalDateTime time = java.time.LocalDateTime.ofEpochSecond(
                Math.floorDiv(milliseconds, 1000L), 0, java.time.ZoneOffset.UTC);
        return padded(time.getYear(), 4) + "-" + padded(time.getMonthValue(), 2) + "-" + padded(time.getDayOfMonth(), 2)
                + "T" + padded(time.getHour(), 2) + ":" + padded(time.getMinute(), 2) + ":"
                + padded(time.getSecond(), 2) + "." + padded((int) Math.floorMod(milliseconds, 1000L), 3) + "Z";
    }

    private static String padded(int number, int width) {
        StringBuilder text = new StringBuilder(Integer.toString(number));
        while (text.length() < width) text.insert(0, '0');
        return text.toString();
    }

    private static void write(byte[] message, LogLevel level) {
        OutputStream file = framed;
        if (file == null) {
            System.out.write(message, 0, message.length);
            System.out.flush();
            return;
        }
        int type = (json ? 0xA55A0002 : 0xA55A0003) | level.ordinal() << 2;
        long time = System.currentTimeMillis() * 1000;
        byte[] frame = new byte[16 + message.length];
        put(frame, 0, type);
        put(frame, 4, message.length);
        put(frame, 8, (int) (time >>> 32));
        put(frame, 12, (int) time);
        System.arraycopy(message, 0, frame, 16, message.length);
        try {
            synchronized (file) {
                file.write(frame);
            }
        } catch (IOException error) {
            framed = null; // the reader has gone: there is nobody left to tell
        }
    }

    private static void put(byte[] into, int at, int value) {
        for (int i = 0; i < 4; i++) into[at + i] = (byte) (value >>> 24 - 8 * i);
    }

    /** For a descriptor that is neither standard output nor standard error. */
    static OutputStream open(int descriptor) throws ReflectiveOperationException {
        if (descriptor == 1) return new FileOutputStream(java.io.FileDescriptor.out);
        if (descriptor == 2) return new FileOutputStream(java.io.FileDescriptor.err);
        return new FileOutputStream(Internals.descriptor(descriptor));
    }
}
