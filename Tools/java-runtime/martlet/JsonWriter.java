// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;

/**
 * Writes a value as JSON the way AWS's runtime does: getters and public fields make an object, nulls are left out,
 * dates are numbers.
 */
final class JsonWriter {
    private static final int DEPTH_LIMIT = 1000;
    private final StringBuilder out = new StringBuilder();
    private int depth;

    static String text(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.write(value);
        return writer.out.toString();
    }

    private void write(Object value) {
        if (value == null) out.append("null");
        else if (value instanceof CharSequence || value instanceof Character) string(value.toString());
        else if (value instanceof Boolean) out.append(value);
        else if (value instanceof Number) number((Number) value);
        else if (value instanceof Enum) string(((Enum<?>) value).name());
        else structure(value);
    }

    private void structure(Object value) {
        if (++depth > DEPTH_LIMIT)
            throw new IllegalStateException("Infinite recursion in the answer (" + value.getClass().getName() + ")");
        if (value instanceof Map) map((Map<?, ?>) value);
        else if (value instanceof Optional) write(((Optional<?>) value).orElse(null));
        else if (value instanceof byte[]) string(java.util.Base64.getEncoder().encodeToString((byte[]) value));
        else if (value instanceof char[]) string(new String((char[]) value));
        else if (value.getClass().isArray()) array(value);
        else if (value instanceof Iterable) items(((Iterable<?>) value).iterator());
        else if (value instanceof Iterator) items((Iterator<?>) value);
        else if (!Times.write(value, this)) other(value);
        depth--;
    }

    private void other(Object value) {
        String name = value.getClass().getName();
        if (value instanceof Class) string(((Class<?>) value).getName());
        else if (name.startsWith("java.net.UR") || name.equals("java.util.UUID") || name.equals("java.util.Locale")
                || name.equals("java.util.Currency") || value instanceof java.util.TimeZone
                || value instanceof java.io.File || value instanceof java.nio.file.Path) string(value.toString());
        else if (name.startsWith("java.util.concurrent.atomic.Atomic")) out.append(value);
        else bean(value);
    }

    private void number(Number value) {
        boolean odd = value instanceof Double && !Double.isFinite((Double) value)
                || value instanceof Float && !Float.isFinite((Float) value);
        if (odd) string(value.toString());
        else if (value instanceof BigDecimal || value.getClass().getName().startsWith("java.lang")
                || value instanceof java.math.BigInteger || value instanceof JsonReader.Decimal
                || value.getClass().getName().startsWith("java.util.concurrent.atomic.")) out.append(value);
        else structure(value);
    }

    void raw(String text) {
        out.append(text);
    }

    private void map(Map<?, ?> map) {
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (entry.getValue() == null) continue;
            if (!first) out.append(',');
            first = false;
            Object key = entry.getKey();
            if (key == null) throw new IllegalStateException("Null key for a Map not allowed in JSON");
            string(key instanceof Enum ? ((Enum<?>) key).name() : key.toString());
            out.append(':');
            write(entry.getValue());
        }
        out.append('}');
    }

    private void bean(Object value) {
        out.append('{');
        boolean first = true;
        for (Beans.Getter getter : Beans.getters(value.getClass())) {
            Object property = getter.get(value);
            if (property == null) continue;
            if (!first) out.append(',');
            first = false;
            string(getter.name);
            out.append(':');
            write(property);
        }
        out.append('}');
    }

    private void array(Object array) {
        out.append('[');
        for (int i = 0, count = Array.getLength(array); i < count; i++) {
            if (i > 0) out.append(',');
            write(Array.get(array, i));
        }
        out.append(']');
    }

    private void items(Iterator<?> items) {
        out.append('[');
        for (boolean first = true; items.hasNext(); first = false) {
            if (!first) out.append(',');
            write(items.next());
        }
        out.append(']');
    }

    void string(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char next = text.charAt(i);
            if (next == '"' || next == '\\') out.append('\\').append(next);
            else if (next >= ' ') out.append(next);
            else control(next);
        }
        out.append('"');
    }

    private void control(char character) {
        int known = "\b\f\n\r\t".indexOf(character);
        if (known >= 0) out.append('\\').append("bfnrt".charAt(known));
        else out.append(character < 16 ? "\\u000" : "\\u00").append(Integer.toHexString(character).toUpperCase(java.util.Locale.ROOT));
    }
}
