// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Calendar;
import java.util.Date;
import java.util.List;

/** Dates in JSON: numbers, and arrays of numbers for local ones, as AWS's runtime writes them; texts are read too. */
final class Times {
    private Times() {}

    /** Whether it was one. */
    static boolean write(Object value, JsonWriter into) {
        String name = value.getClass().getName();
        if (value instanceof Date) into.raw(Long.toString(((Date) value).getTime()));
        else if (value instanceof Calendar) into.raw(Long.toString(((Calendar) value).getTimeInMillis()));
        else if (name.equals("org.joda.time.DateTime")) into.string(value.toString());
        else if (!name.startsWith("java.time.")) return false;
        else into.raw(text(value, into));
        return true;
    }

    private static String text(Object value, JsonWriter into) {
        if (value instanceof Instant) return seconds(((Instant) value).getEpochSecond(), ((Instant) value).getNano());
        if (value instanceof Duration) return seconds(((Duration) value).getSeconds(), ((Duration) value).getNano());
        if (value instanceof OffsetDateTime) return text(((OffsetDateTime) value).toInstant(), into);
        if (value instanceof ZonedDateTime) return text(((ZonedDateTime) value).toInstant(), into);
        if (value instanceof LocalDate) return "[" + parts((LocalDate) value) + "]";
        if (value instanceof LocalTime) return "[" + parts((LocalTime) value) + "]";
        if (value instanceof LocalDateTime) {
            LocalDateTime both = (LocalDateTime) value;
            return "[" + parts(both.toLocalDate()) + "," + parts(both.toLocalTime()) + "]";
        }
        return "\"" + value + "\"";
    }

    private static String seconds(long seconds, int nanoseconds) {
        return BigDecimal.valueOf(seconds).add(BigDecimal.valueOf(nanoseconds, 9)).toPlainString();
    }

    private static String parts(LocalDate date) {
        return date.getYear() + "," + date.getMonthValue() + "," + date.getDayOfMonth();
    }

    private static String parts(LocalTime time) {
        String minutes = time.getHour() + "," + time.getMinute();
        if (time.getNano() > 0) return minutes + "," + time.getSecond() + "," + time.getNano();
        return time.getSecond() > 0 ? minutes + "," + time.getSecond() : minutes;
    }

    static boolean isTime(Class<?> type) {
        return type.getName().startsWith("java.time.") || type == Date.class || type.getName().equals("org.joda.time.DateTime");
    }

    static Object read(Object value, Class<?> type) {
        if (type == Date.class) return Date.from(instant(value, true));
        if (type == Instant.class) return instant(value, false);
        if (type == OffsetDateTime.class && value instanceof Number) return instant(value, false).atOffset(java.time.ZoneOffset.UTC);
        if (type == ZonedDateTime.class && value instanceof Number) return instant(value, false).atZone(java.time.ZoneOffset.UTC);
        if (type == Duration.class && value instanceof Number) return Duration.between(Instant.EPOCH, instant(value, false));
        if (value instanceof List) return local((List<?>) value, type);
        try {
            // `parse`, or `of` for zones.
            String method = type.getName().endsWith(".ZoneId") || type.getName().endsWith(".ZoneOffset") ? "of" : "parse";
            Class<?> parameter = method.equals("of") || type.getName().startsWith("org.joda") ? String.class : CharSequence.class;
            return type.getMethod(method, parameter).invoke(null, value.toString());
        } catch (ReflectiveOperationException error) {
            throw Binder.mismatch(value, type);
        }
    }

    private static Instant instant(Object value, boolean milliseconds) {
        if (value instanceof Number) {
            BigDecimal number = new BigDecimal(value.toString());
            BigDecimal seconds = milliseconds ? number.movePointLeft(3) : number;
            BigDecimal whole = seconds.setScale(0, java.math.RoundingMode.FLOOR);
            return Instant.ofEpochSecond(whole.longValueExact(), seconds.subtract(whole).movePointRight(9).longValue());
        }
        String text = value.toString();
        if (text.indexOf('T') < 0) return LocalDate.parse(text).atStartOfDay().toInstant(java.time.ZoneOffset.UTC);
        boolean zoned = text.endsWith("Z") || text.indexOf('+') > 0 || text.lastIndexOf('-') > text.indexOf('T');
        String full = text.replaceFirst("([+-]\\d\\d)(\\d\\d)$", "$1:$2");
        return zoned ? OffsetDateTime.parse(full).toInstant() : LocalDateTime.parse(text).toInstant(java.time.ZoneOffset.UTC);
    }

    private static Object local(List<?> parts, Class<?> type) {
        int[] numbers = new int[7];
        for (int i = 0; i < parts.size() && i < 7; i++)
            numbers[i] = parts.get(i) instanceof Integer ? (Integer) parts.get(i) : 0;
        if (type == LocalDate.class) return LocalDate.of(numbers[0], numbers[1], numbers[2]);
        if (type == LocalTime.class) return LocalTime.of(numbers[0], numbers[1], numbers[2], numbers[3]);
        if (type != LocalDateTime.class) throw Binder.mismatch(parts, type);
        return LocalDateTime.of(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
    }
}
