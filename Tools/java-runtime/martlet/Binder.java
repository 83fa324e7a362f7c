// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** Makes a value of a wanted type out of what `JsonReader` has read, as lenient as AWS's runtime is. */
final class Binder {
    private Binder() {}

    static Object bind(Object value, Type type) {
        if (type instanceof Class) return bind(value, (Class<?>) type, new Type[0]);
        if (type instanceof ParameterizedType) {
            ParameterizedType whole = (ParameterizedType) type;
            return bind(value, (Class<?>) whole.getRawType(), whole.getActualTypeArguments());
        }
        if (type instanceof GenericArrayType) return array(value, ((GenericArrayType) type).getGenericComponentType());
        Type[] bounds = type instanceof TypeVariable ? ((TypeVariable<?>) type).getBounds() : ((WildcardType) type).getUpperBounds();
        return bind(value, bounds[0]);
    }

    private static Object bind(Object value, Class<?> type, Type[] arguments) {
        if (value == null) return absent(type);
        if (type == Object.class || type == java.io.Serializable.class) return plain(value);
        if (type == String.class || type == CharSequence.class) return text(value, type);
        if (type == boolean.class || type == Boolean.class) return yesOrNo(value, type);
        if (type == char.class || type == Character.class) return character(value, type);
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) return number(value, type);
        if (type.isEnum()) return constant(value, type);
        if (type == byte[].class && value instanceof String) return Base64.getDecoder().decode((String) value);
        if (type == char[].class && value instanceof String) return ((String) value).toCharArray();
        if (type.isArray()) return array(value, type.getComponentType());
        if (type == Optional.class) return Optional.ofNullable(bind(value, argument(arguments, 0)));
        if (Times.isTime(type)) return "".equals(value) ? null : Times.read(value, type);
        if (Collection.class.isAssignableFrom(type) || type == Iterable.class) return collection(value, type, argument(arguments, 0));
        if (Map.class.isAssignableFrom(type)) return map(value, type, argument(arguments, 0), argument(arguments, 1));
        if (value instanceof String) return named((String) value, type);
        return bean(value, type, arguments);
    }

    private static Object absent(Class<?> type) {
        if (type == Optional.class) return Optional.empty();
        return type.isPrimitive() && type != void.class ? Array.get(Array.newInstance(type, 1), 0) : null;
    }

    private static Type argument(Type[] arguments, int index) {
        return index < arguments.length ? arguments[index] : Object.class;
    }

    static IllegalArgumentException mismatch(Object value, Type type) {
        String token = value instanceof Map ? "Object value (token `JsonToken.START_OBJECT`)"
                : value instanceof List ? "Array value (token `JsonToken.START_ARRAY`)"
                : value instanceof String ? "String \"" + (((String) value).length() > 100 ? ((String) value).substring(0, 100) + "…" : value) + "\""
                : value instanceof Boolean ? "Boolean value (`" + value + "`)" : "Number value (`" + value + "`)";
        return new IllegalArgumentException("Cannot deserialize value of type `" + type.getTypeName() + "` from " + token);
    }

    /** Numbers of the kinds that code expects in a `Map<String, Object>`. */
    @SuppressWarnings("unchecked")
    private static Object plain(Object value) {
        if (value instanceof JsonReader.Decimal) return ((Number) value).doubleValue();
        if (value instanceof List) for (java.util.ListIterator<Object> each = ((List<Object>) value).listIterator(); each.hasNext();) each.set(plain(each.next()));
        if (value instanceof Map) for (Map.Entry<String, Object> entry : ((Map<String, Object>) value).entrySet()) entry.setValue(plain(entry.getValue()));
        return value;
    }

    private static String text(Object value, Class<?> type) {
        if (value instanceof List && ((List<?>) value).size() == 1) return text(((List<?>) value).get(0), type);
        if (value instanceof Map || value instanceof List) throw mismatch(value, type);
        return value.toString();
    }

    private static Boolean yesOrNo(Object value, Class<?> type) {
        if (value instanceof Boolean) return (Boolean) value;
        if (value instanceof Integer) return (Integer) value != 0;
        String text = value.toString().trim();
        if (text.equalsIgnoreCase("true")) return true;
        if (text.equalsIgnoreCase("false")) return false;
        if (text.isEmpty()) return (Boolean) absent(type);
        throw mismatch(value, type);
    }

    private static Object character(Object value, Class<?> type) {
        if (value instanceof Integer) return (char) (int) (Integer) value;
        if (value instanceof String && ((String) value).length() == 1) return ((String) value).charAt(0);
        if ("".equals(value)) return absent(type);
        throw mismatch(value, type);
    }

    private static Object number(Object value, Class<?> type) {
        Object source = value instanceof List && ((List<?>) value).size() == 1 ? ((List<?>) value).get(0) : value;
        try {
            if (source instanceof String) {
                String text = ((String) source).trim();
                if (text.isEmpty()) return absent(type);
                source = text.matches("[+-]?\\d{1,18}") ? (Number) Long.valueOf(text) : new JsonReader.Decimal(text);
            }
            if (!(source instanceof Number)) throw mismatch(value, type);
            return converted((Number) source, type);
        } catch (ArithmeticException | NumberFormatException error) {
            throw mismatch(value, type);
        }
    }

    private static Object converted(Number number, Class<?> type) {
        if (type == double.class || type == Double.class) return number.doubleValue();
        if (type == float.class || type == Float.class) return number.floatValue();
        if (type == Number.class) return number instanceof JsonReader.Decimal ? (Number) number.doubleValue() : number;
        if (type == BigDecimal.class) return number instanceof JsonReader.Decimal ? ((JsonReader.Decimal) number).exact() : new BigDecimal(number.toString());
        if (type == BigInteger.class) return new BigDecimal(number.toString()).toBigInteger();
        long whole = number instanceof JsonReader.Decimal ? number.longValue() : new BigInteger(number.toString()).longValueExact();
        if (type == long.class || type == Long.class) return whole;
        if (type == int.class || type == Integer.class) return Math.toIntExact(whole);
        if (type == short.class || type == Short.class) return within(whole, Short.MIN_VALUE, Short.MAX_VALUE).shortValue();
        if (type == byte.class || type == Byte.class) return within(whole, Byte.MIN_VALUE, 255).byteValue();
        if (type == java.util.concurrent.atomic.AtomicInteger.class) return new java.util.concurrent.atomic.AtomicInteger(Math.toIntExact(whole));
        if (type == java.util.concurrent.atomic.AtomicLong.class) return new java.util.concurrent.atomic.AtomicLong(whole);
        throw mismatch(number, type);
    }

    private static Long within(long number, long least, long most) {
        if (number < least || number > most) throw new ArithmeticException("out of range");
        return number;
    }

    /** An unknown name is null. */
    private static Object constant(Object value, Class<?> type) {
        Object[] constants = type.getEnumConstants();
        if (value instanceof Integer) return (Integer) value >= 0 && (Integer) value < constants.length ? constants[(Integer) value] : null;
        for (Object constant : constants) if (((Enum<?>) constant).name().equals(value)) return constant;
        if (value instanceof String) return null;
        throw mismatch(value, type);
    }

    private static Object array(Object value, Type element) {
        List<?> items = value instanceof List ? (List<?>) value : List.of(value);
        Object result = Array.newInstance(Types.raw(element), items.size());
        for (int i = 0; i < items.size(); i++) {
            Object item = bind(items.get(i), element);
            Array.set(result, i, element == byte.class && item instanceof Number ? ((Number) item).byteValue() : item);
        }
        return result;
    }

    @SuppressWarnings("unchecked")
    private static Object collection(Object value, Class<?> type, Type element) {
        if ("".equals(value)) return null;
        Collection<Object> result =
                type.isAssignableFrom(ArrayList.class) ? new ArrayList<>()
                : type.isAssignableFrom(LinkedHashSet.class) ? new LinkedHashSet<>()
                : type.isAssignableFrom(TreeSet.class) ? new TreeSet<>()
                : type.isAssignableFrom(ArrayDeque.class) ? new ArrayDeque<>()
                : (Collection<Object>) Beans.make(type);
        List<?> items = value instanceof List ? (List<?>) value : List.of(value);
        for (Object item : items) result.add(bind(item, element));
        return result;
    }

    @SuppressWarnings("unchecked")
    private static Object map(Object value, Class<?> type, Type key, Type element) {
        if ("".equals(value) || value instanceof List && ((List<?>) value).isEmpty()) return null;
        if (!(value instanceof Map)) throw mismatch(value, type);
        Map<Object, Object> result =
                type.isAssignableFrom(LinkedHashMap.class) ? new LinkedHashMap<>()
                : type.isAssignableFrom(TreeMap.class) ? new TreeMap<>()
                : type.isAssignableFrom(java.util.concurrent.ConcurrentHashMap.class) ? new java.util.concurrent.ConcurrentHashMap<>()
                : (Map<Object, Object>) Beans.make(type);
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
            result.put(key == Object.class ? entry.getKey() : bind(entry.getKey(), key), bind(entry.getValue(), element));
        return result;
    }

    /** Types of the standard library that are written as texts. */
    private static Object named(String text, Class<?> type) {
        if (text.isEmpty()) return null;
        try {
            if (type == java.util.UUID.class) return java.util.UUID.fromString(text);
            if (type == java.net.URI.class) return java.net.URI.create(text);
            if (type == java.net.URL.class) return java.net.URI.create(text).toURL();
            if (type == java.util.Locale.class) return java.util.Locale.forLanguageTag(text.replace('_', '-'));
            if (type == java.io.File.class) return new java.io.File(text);
            if (type == java.nio.file.Path.class) return java.nio.file.Path.of(text);
            if (type == StringBuilder.class) return new StringBuilder(text);
        } catch (java.net.MalformedURLException error) {
            throw mismatch(text, type);
        }
        throw new IllegalArgumentException("Cannot construct instance of `" + type.getName()
                + "`: no String-argument constructor/factory method to deserialize from String value");
    }

    private static Object bean(Object value, Class<?> type, Type[] arguments) {
        if (value instanceof List && ((List<?>) value).size() == 1) return bind(((List<?>) value).get(0), type, arguments);
        if (value instanceof List && ((List<?>) value).isEmpty()) return null;
        if (!(value instanceof Map)) throw mismatch(value, type);
        Map<?, ?> fields = (Map<?, ?>) value;
        if (type.isRecord()) return record(fields, type, arguments);
        Object bean = Beans.make(type);
        for (Map.Entry<?, ?> entry : fields.entrySet()) {
            Beans.Setter setter = Beans.setter(type, (String) entry.getKey());
            if (setter == null) continue;
            try {
                setter.set(bean, bind(entry.getValue(), Types.resolved(setter.type, type, arguments)));
            } catch (InvocationTargetException error) {
                throw Failure.unchecked(error.getCause());
            } catch (ReflectiveOperationException error) {
                throw new IllegalArgumentException(error);
            }
        }
        return bean;
    }

    private static Object record(Map<?, ?> fields, Class<?> type, Type[] arguments) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] values = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            types[i] = components[i].getType();
            values[i] = bind(fields.get(components[i].getName()), Types.resolved(components[i].getGenericType(), type, arguments));
        }
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.trySetAccessible();
            return constructor.newInstance(values);
        } catch (InvocationTargetException error) {
            throw Failure.unchecked(error.getCause());
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException(error);
        }
    }
}
