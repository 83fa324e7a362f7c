// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads one JSON text into maps, lists, strings, numbers, booleans, null. */
final class JsonReader {
    /** Deeper texts are refused, before they exhaust the stack. */
    private static final int DEPTH_LIMIT = 1000;
    /** Longer numbers are refused: reading them takes quadratic time. */
    private static final int NUMBER_LIMIT_CHARACTERS = 1000;

    private final String text;
    private int at;
    private int depth;

    JsonReader(String text) {
        this.text = text;
    }

    Object read() {
        Object value = value();
        skipSpace();
        if (at < text.length()) throw unexpected();
        return value;
    }

    private Object value() {
        skipSpace();
        if (at >= text.length()) throw new IllegalArgumentException("Unexpected end of JSON input");
        switch (text.charAt(at)) {
            case '{': return object();
            case '[': return array();
            case '"': return string();
            case 't': return word("true", Boolean.TRUE);
            case 'f': return word("false", Boolean.FALSE);
            case 'n': return word("null", null);
            case 'N': return word("NaN", Double.NaN);
            case 'I': return word("Infinity", Double.POSITIVE_INFINITY);
            default: return number();
        }
    }

    private Object word(String word, Object meaning) {
        if (!text.startsWith(word, at)) throw unexpected();
        at += word.length();
        return meaning;
    }

    private Map<String, Object> object() {
        enter();
        Map<String, Object> result = new LinkedHashMap<>();
        if (!closes('}')) {
            do {
                skipSpace();
                if (at >= text.length() || text.charAt(at) != '"') throw unexpected();
                String name = string();
                skipSpace();
                if (at >= text.length() || text.charAt(at) != ':') throw unexpected();
                at++;
                result.put(name, value());
            } while (goesOn('}'));
        }
        depth--;
        return result;
    }

    private List<Object> array() {
        enter();
        List<Object> result = new ArrayList<>();
        if (!closes(']')) {
            do result.add(value());
            while (goesOn(']'));
        }
        depth--;
        return result;
    }

    private void enter() {
        at++;
        if (++depth > DEPTH_LIMIT) throw new IllegalArgumentException("JSON is nested deeper than " + DEPTH_LIMIT);
    }

    private boolean closes(char end) {
        skipSpace();
        if (at >= text.length() || text.charAt(at) != end) return false;
        at++;
        return true;
    }

    private boolean goesOn(char end) {
        if (closes(end)) return false;
        if (at >= text.length() || text.charAt(at) != ',') throw unexpected();
        at++;
        return true;
    }

    private String string() {
        int from = ++at;
        while (at < text.length() && text.charAt(at) != '"' && text.charAt(at) != '\\') at++;
        if (at < text.length() && text.charAt(at) == '"') return text.substring(from, at++);
        StringBuilder result = new StringBuilder().append(text, from, at);
        while (at < text.length()) {
            char next = text.charAt(at++);
            if (next == '"') return result.toString();
            result.append(next == '\\' ? escaped() : next);
        }
        throw new IllegalArgumentException("Unexpected end of JSON input in a string");
    }

    private char escaped() {
        if (at >= text.length()) throw unexpected();
        char kind = text.charAt(at++);
        switch (kind) {
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u': break;
            default: return kind;
        }
        int code = 0;
        for (int end = at + 4; at < end; at++) {
            int digit = at < text.length() ? Character.digit(text.charAt(at), 16) : -1;
            if (digit < 0) throw unexpected();
            code = code << 4 | digit;
        }
        return (char) code;
    }

    private Object number() {
        int from = at;
        boolean whole = true;
        for (; at < text.length(); at++) {
            char next = text.charAt(at);
            if (next == '.' || next == 'e' || next == 'E') whole = false;
            else if ((next < '0' || next > '9') && next != '-' && next != '+') break;
        }
        int length = at - from;
        if (length == 1 && text.startsWith("-Infinity", from)) {
            at = from + 9;
            return Double.NEGATIVE_INFINITY;
        }
        if (length == 0 || length > NUMBER_LIMIT_CHARACTERS || text.charAt(from) == '+') {
            at = from;
            throw unexpected();
        }
        String digits = text.substring(from, at);
        try {
            if (!whole) return new Decimal(digits);
            if (length > 19) return new BigInteger(digits);
            long number = Long.parseLong(digits);
            if ((int) number == number) return (int) number;
            return number;
        } catch (NumberFormatException error) {
            if (whole && length > 18) return new BigInteger(digits);
            at = from;
            throw unexpected();
        }
    }

    private void skipSpace() {
        while (at < text.length()) {
            char next = text.charAt(at);
            if (next != ' ' && next != '\n' && next != '\r' && next != '\t') return;
            at++;
        }
    }

    private IllegalArgumentException unexpected() {
        if (at >= text.length()) return new IllegalArgumentException("Unexpected end of JSON input");
        return new IllegalArgumentException("Unexpected character ('" + text.charAt(at) + "') at position " + at);
    }

    /** A number with a fraction or an exponent: a double, unless a `BigDecimal` is wanted, which gets each digit. */
    static final class Decimal extends Number {
        private final String digits;
        private final double value;

        Decimal(String digits) {
            this.digits = digits;
            value = Double.parseDouble(digits);
        }

        BigDecimal exact() {
            return new BigDecimal(digits);
        }

        @Override
        public int intValue() {
            return (int) value;
        }

        @Override
        public long longValue() {
            return (long) value;
        }

        @Override
        public float floatValue() {
            return Float.parseFloat(digits);
        }

        @Override
        public double doubleValue() {
            return value;
        }

        @Override
        public String toString() {
            return digits;
        }
    }
}
