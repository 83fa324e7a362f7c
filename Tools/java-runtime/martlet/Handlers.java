// SPDX-License-Identifier: Apache-2.0
package martlet;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Finds what a handler's name names. */
final class Handlers {
    private static final byte[] NULL = {'n', 'u', 'l', 'l'};

    private Handlers() {}

    /** The function's code. `call` throws what it threw. */
    abstract static class Handler {
        abstract void call(byte[] event, ByteArrayOutputStream answer, Context context) throws Throwable;
    }

    /** Code that cannot be used says so with each invocation, as on AWS; a constructor's exception is fatal. */
    static Handler load(String name, ClassLoader loader) {
        try {
            return find(name, loader);
        } catch (Failure failure) {
            if (failure.isFatal) throw failure;
            return new Handler() {
                @Override
                void call(byte[] event, ByteArrayOutputStream answer, Context context) {
                    throw failure;
                }
            };
        }
    }

    private static Handler find(String name, ClassLoader loader) {
        int colons = name.lastIndexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String method = colons < 0 ? null : name.substring(colons + 2);
        if (className.isEmpty() || "".equals(method)) throw Failure.of("Invalid handler: `" + name + "'");
        Class<?> type;
        try {
            type = Class.forName(className, true, loader);
        } catch (ClassNotFoundException error) {
            throw Failure.of("Class not found: " + className, error, false);
        } catch (NoClassDefFoundError error) {
            throw Failure.of(loading(className, error), error, false);
        } catch (Throwable error) {
            throw Failure.of(loading(className, error), error, true);
        }
        return method == null ? implementation(type) : method(type, method);
    }

    private static String loading(String className, Throwable error) {
        return "Error loading class " + className + (error.getMessage() == null ? "" : ": " + error.getMessage());
    }

    // Interfaces

    private static Handler implementation(Class<?> type) {
        if (RequestStreamHandler.class.isAssignableFrom(type)) return streams((RequestStreamHandler) instance(type));
        if (!RequestHandler.class.isAssignableFrom(type))
            throw Failure.of("Class does not implement an appropriate handler interface: " + type.getName());
        Type[] parameters = parameters(type, RequestHandler.class, new Type[0]);
        if (parameters == null)
            throw Failure.of("Class " + type.getName() + " does not implement RequestHandler with concrete type parameters");
        for (Type parameter : parameters) requireBound(type, parameter);
        @SuppressWarnings("unchecked")
        RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instance(type);
        return new Objects(parameters[0], parameters[1]) {
            @Override
            Object answer(Object event, Context context) {
                return handler.handleRequest(event, context);
            }
        };
    }

    private static void requireBound(Class<?> type, Type parameter) {
        if (!(parameter instanceof TypeVariable)) return;
        for (Type bound : ((TypeVariable<?>) parameter).getBounds()) if (bound != Object.class) return;
        throw Failure.of("Class " + type.getName() + " does not implement RequestHandler with concrete type parameters: "
                + "parameter " + parameter + " has no upper bound.");
    }

    /** What stands for the interface's parameters in `type`, whose own parameters are `arguments`. Nil when it is raw. */
    private static Type[] parameters(Class<?> type, Class<?> wanted, Type[] arguments) {
        List<Type> above = new ArrayList<>(List.of(type.getGenericInterfaces()));
        if (type.getGenericSuperclass() != null) above.add(type.getGenericSuperclass());
        for (Type next : above) {
            Class<?> raw = Types.raw(next);
            if (!wanted.isAssignableFrom(raw)) continue;
            Type[] given = next instanceof ParameterizedType ? ((ParameterizedType) next).getActualTypeArguments() : new Type[0];
            for (int i = 0; i < given.length; i++) given[i] = Types.resolved(given[i], type, arguments);
            if (raw == wanted) return given.length == 0 ? null : given;
            return parameters(raw, wanted, given);
        }
        return null;
    }

    private static Handler streams(RequestStreamHandler handler) {
        return new Handler() {
            @Override
            void call(byte[] event, ByteArrayOutputStream answer, Context context) throws Throwable {
                handler.handleRequest(new ByteArrayInputStream(event), answer, context);
            }
        };
    }

    private static Object instance(Class<?> type) {
        Constructor<?> constructor;
        try {
            constructor = type.getConstructor();
        } catch (NoSuchMethodException error) {
            boolean isInner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
            throw Failure.of(new Exception("Class " + type.getName() + (isInner
                    ? " cannot be instantiated because it is a non-static inner class"
                    : " has no public zero-argument constructor")), false);
        }
        try {
            return constructor.newInstance();
        } catch (InvocationTargetException error) {
            throw Failure.of(error.getCause() == null ? error : error.getCause(), true);
        } catch (ReflectiveOperationException error) {
            throw Failure.of(error, false);
        }
    }

    // Methods

    /** The longest usable overload; one that ends with a context counts as longer by one. */
    private static Handler method(Class<?> type, String name) {
        Method[] methods;
        try {
            methods = type.getMethods();
        } catch (NoClassDefFoundError error) {
            throw Failure.of("Error loading method " + name + " on class " + type.getName(), error, false);
        }
        Method best = null;
        for (Method method : methods) {
            if (!method.getName().equals(name) || !isUsable(method)) continue;
            if (best == null || weight(method) > weight(best)) best = method;
        }
        if (best == null)
            throw Failure.of("No public method named " + name + " with appropriate method signature found on class " + type.getName());
        Method chosen = best;
        chosen.trySetAccessible();
        Object target = Modifier.isStatic(chosen.getModifiers()) ? null : instance(type);
        return usesStreams(chosen) ? streams(chosen, target) : objects(chosen, target);
    }

    private static int weight(Method method) {
        Class<?>[] parameters = method.getParameterTypes();
        boolean endsWithContext = parameters.length > 0 && parameters[parameters.length - 1] == Context.class;
        return (method.isBridge() ? 0 : 100) + parameters.length + (endsWithContext ? 1 : 0);
    }

    private static boolean isUsable(Method method) {
        Class<?>[] given = method.getParameterTypes();
        switch (given.length) {
            case 0:
            case 1:
                return true;
            case 2:
                if (given[0] == Context.class) return false;
                return given[1] == Context.class || given[0] == InputStream.class && given[1] == OutputStream.class;
            case 3:
                return given[0] == InputStream.class && given[1] == OutputStream.class && given[2] == Context.class;
            default:
                return false;
        }
    }

    private static boolean usesStreams(Method method) {
        Class<?>[] given = method.getParameterTypes();
        return given.length > 0 && (given[0] == InputStream.class || given[0] == OutputStream.class);
    }

    private static Handler streams(Method method, Object target) {
        return new Handler() {
            @Override
            void call(byte[] event, ByteArrayOutputStream answer, Context context) throws Throwable {
                Class<?>[] wanted = method.getParameterTypes();
                Object[] arguments = new Object[wanted.length];
                boolean writes = false;
                for (int i = 0; i < wanted.length; i++) {
                    arguments[i] = wanted[i] == InputStream.class ? new ByteArrayInputStream(event)
                            : wanted[i] == OutputStream.class ? answer : context;
                    writes |= wanted[i] == OutputStream.class;
                }
                invoke(method, target, arguments);
                if (!writes) answer.write(NULL);
            }
        };
    }

    private static Handler objects(Method method, Object target) {
        Type[] wanted = method.getGenericParameterTypes();
        boolean wantsEvent = wanted.length > 0 && wanted[0] != Context.class;
        boolean wantsContext = wanted.length > 0 && wanted[wanted.length - 1] == Context.class;
        return new Objects(wantsEvent ? wanted[0] : null, method.getGenericReturnType()) {
            @Override
            Object answer(Object event, Context context) throws Throwable {
                if (wantsEvent && wantsContext) return invoke(method, target, event, context);
                if (wantsEvent) return invoke(method, target, event);
                return wantsContext ? invoke(method, target, context) : invoke(method, target);
            }
        };
    }

    private static Object invoke(Method method, Object target, Object... arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause() == null ? error : error.getCause();
        }
    }

    /** A handler whose event and answer are JSON. */
    abstract static class Objects extends Handler {
        private final Type eventType;
        private final Type answerType;

        Objects(Type eventType, Type answerType) {
            this.eventType = eventType;
            this.answerType = answerType;
        }

        abstract Object answer(Object event, Context context) throws Throwable;

        @Override
        void call(byte[] body, ByteArrayOutputStream into, Context context) throws Throwable {
            Object answer = answer(eventType == null ? null : event(body), context);
            try {
                write(answer, into);
            } catch (Throwable error) {
                throw new RuntimeException("An error occurred during JSON serialization of response", error);
            }
        }

        private Object event(byte[] body) {
            try {
                CustomPojoSerializer own = Serializers.own();
                if (own != null) return own.fromJson(new ByteArrayInputStream(body), eventType);
                return Binder.bind(new JsonReader(new String(body, StandardCharsets.UTF_8)).read(), eventType);
            } catch (Throwable error) {
                Failure.withoutOwnFrames(error);
                throw new RuntimeException("An error occurred during JSON parsing", error);
            }
        }

        private void write(Object answer, ByteArrayOutputStream into) throws Exception {
            CustomPojoSerializer own = Serializers.own();
            if (answerType == void.class || answerType == Void.class) into.write(NULL);
            else if (own != null) own.toJson(answer, into, answerType);
            else into.write(JsonWriter.text(answer).getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A package may bring a serializer of its own; then it serves for everything. */
    private static final class Serializers {
        private static boolean isKnown;
        private static CustomPojoSerializer own;

        static CustomPojoSerializer own() {
            if (isKnown) return own;
            isKnown = true;
            ClassLoader loader = Thread.currentThread().getContextClassLoader();
            // Looking for the file first spares the cost of a service loader in nearly every function.
            if (loader.getResource("META-INF/services/" + CustomPojoSerializer.class.getName()) == null) return null;
            List<CustomPojoSerializer> found = new ArrayList<>();
            for (CustomPojoSerializer serializer : java.util.ServiceLoader.load(CustomPojoSerializer.class, loader)) found.add(serializer);
            if (found.size() > 1) throw new IllegalStateException("Too many serializers provided inside the META-INF/services folder, only one is allowed");
            if (!found.isEmpty()) own = found.get(0);
            return own;
        }
    }
}
