// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Properties of objects: getters and setters by the bean rules, public fields, components of records. */
final class Beans {
    private static final Map<Class<?>, List<Getter>> GETTERS = new ConcurrentHashMap<>();
    private static final Map<Class<?>, Map<String, Setter>> SETTERS = new ConcurrentHashMap<>();
    /** In AWS's event classes, names differ from the events' in case only. */
    private static final String EVENTS = "com.amazonaws.services.lambda.runtime.events.";

    private Beans() {}

    static final class Getter {
        final String name;
        private final Method method;
        private final Field field;

        Getter(String name, Method method, Field field) {
            this.name = name;
            this.method = method;
            this.field = field;
        }

        Object get(Object bean) {
            try {
                return method == null ? field.get(bean) : method.invoke(bean);
            } catch (InvocationTargetException error) {
                throw Failure.unchecked(error.getCause());
            } catch (IllegalAccessException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    static final class Setter {
        final Type type;
        private final Method method;
        private final Field field;

        Setter(Type type, Method method, Field field) {
            this.type = type;
            this.method = method;
            this.field = field;
        }

        void set(Object bean, Object value) throws ReflectiveOperationException {
            if (method == null) field.set(bean, value);
            else method.invoke(bean, value);
        }
    }

    /** In the order of the fields, the superclass's first; then what has no field. */
    static List<Getter> getters(Class<?> type) {
        List<Getter> known = GETTERS.get(type);
        if (known != null) return known;
        Map<String, Getter> found = new LinkedHashMap<>();
        for (Class<?> part : lineage(type))
            for (Field field : part.getDeclaredFields())
                if (!Modifier.isStatic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers()))
                    found.put(field.getName(), Modifier.isPublic(field.getModifiers()) ? new Getter(field.getName(), null, opened(field)) : null);
        for (Method method : type.getMethods()) {
            String name = type.isRecord() ? component(type, method) : getterName(method);
            if (name != null) found.put(name, new Getter(name, opened(method), null));
        }
        List<Getter> getters = new ArrayList<>();
        for (Getter getter : found.values()) if (getter != null) getters.add(getter);
        GETTERS.put(type, getters);
        return getters;
    }

    private static String component(Class<?> type, Method method) {
        for (RecordComponent component : type.getRecordComponents())
            if (component.getAccessor().equals(method)) return component.getName();
        return null;
    }

    private static String getterName(Method method) {
        if (method.getParameterCount() > 0 || Modifier.isStatic(method.getModifiers()) || method.isBridge()
                || method.getDeclaringClass() == Object.class || method.getReturnType() == void.class) return null;
        String name = method.getName();
        boolean answersYesOrNo = method.getReturnType() == boolean.class || method.getReturnType() == Boolean.class;
        if (name.startsWith("get") && name.length() > 3) return propertyName(name.substring(3));
        return name.startsWith("is") && name.length() > 2 && answersYesOrNo ? propertyName(name.substring(2)) : null;
    }

    /** `URL` stays, `Name` becomes `name`. */
    private static String propertyName(String name) {
        if (name.length() > 1 && Character.isUpperCase(name.charAt(0)) && Character.isUpperCase(name.charAt(1))) return name;
        return Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    /** Nil when the type has no such property. */
    static Setter setter(Class<?> type, String name) {
        Map<String, Setter> setters = SETTERS.get(type);
        if (setters == null) SETTERS.put(type, setters = findSetters(type));
        Setter found = setters.get(name);
        if (found != null || !type.getName().startsWith(EVENTS)) return found;
        for (Map.Entry<String, Setter> entry : setters.entrySet())
            if (entry.getKey().equalsIgnoreCase(name)) return entry.getValue();
        return null;
    }

    private static Map<String, Setter> findSetters(Class<?> type) {
        Map<String, Setter> setters = new LinkedHashMap<>();
        for (Class<?> part : lineage(type)) {
            for (Field field : part.getDeclaredFields())
                if (Modifier.isPublic(field.getModifiers()) && !Modifier.isStatic(field.getModifiers()))
                    setters.put(field.getName(), new Setter(field.getGenericType(), null, opened(field)));
            for (Method method : part.getDeclaredMethods()) {
                String name = method.getName();
                if (method.getParameterCount() == 1 && name.startsWith("set") && name.length() > 3 && !method.isBridge()
                        && !Modifier.isStatic(method.getModifiers()) && Modifier.isPublic(method.getModifiers()))
                    setters.put(propertyName(name.substring(3)), new Setter(method.getGenericParameterTypes()[0], opened(method), null));
            }
        }
        return setters;
    }

    private static Deque<Class<?>> lineage(Class<?> type) {
        Deque<Class<?>> parts = new ArrayDeque<>();
        for (Class<?> part = type; part != null && part != Object.class; part = part.getSuperclass()) parts.push(part);
        return parts;
    }

    private static Method opened(Method method) {
        method.trySetAccessible(); // where a module forbids it, using it says so
        return method;
    }

    private static Field opened(Field field) {
        field.trySetAccessible();
        return field;
    }

    static Object make(Class<?> type) {
        try {
            Constructor<?> constructor = type.getDeclaredConstructor();
            constructor.trySetAccessible();
            return constructor.newInstance();
        } catch (InvocationTargetException error) {
            throw Failure.unchecked(error.getCause());
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException("Cannot construct instance of `" + type.getName()
                    + "` (no Creators, like default constructor, exist)");
        }
    }
}
