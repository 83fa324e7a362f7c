// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;

/** Generic types: their classes, and what their parameters stand for. */
final class Types {
    private Types() {}

    static Class<?> raw(Type type) {
        if (type instanceof Class) return (Class<?>) type;
        if (type instanceof ParameterizedType) return (Class<?>) ((ParameterizedType) type).getRawType();
        if (type instanceof GenericArrayType)
            return Array.newInstance(raw(((GenericArrayType) type).getGenericComponentType()), 0).getClass();
        if (type instanceof WildcardType) return raw(((WildcardType) type).getUpperBounds()[0]);
        return raw(((TypeVariable<?>) type).getBounds()[0]);
    }

    /** `type` with the parameters of `owner` replaced, at any depth. */
    static Type resolved(Type type, Class<?> owner, Type[] arguments) {
        if (type instanceof Class || arguments.length == 0) return type;
        if (type instanceof ParameterizedType) {
            Type[] given = ((ParameterizedType) type).getActualTypeArguments();
            for (int i = 0; i < given.length; i++) given[i] = resolved(given[i], owner, arguments);
            return new Applied(raw(type), given);
        }
        if (type instanceof GenericArrayType) {
            Type element = resolved(((GenericArrayType) type).getGenericComponentType(), owner, arguments);
            return Array.newInstance(raw(element), 0).getClass();
        }
        TypeVariable<?>[] parameters = owner.getTypeParameters();
        for (int i = 0; i < parameters.length && i < arguments.length; i++) if (parameters[i].equals(type)) return arguments[i];
        return type;
    }

    /** A generic class with its arguments. */
    private static final class Applied implements ParameterizedType {
        private final Class<?> raw;
        private final Type[] arguments;

        Applied(Class<?> raw, Type[] arguments) {
            this.raw = raw;
            this.arguments = arguments;
        }

        @Override
        public Type[] getActualTypeArguments() {
            return arguments.clone();
        }

        @Override
        public Type getRawType() {
            return raw;
        }

        @Override
        public Type getOwnerType() {
            return raw.getDeclaringClass();
        }
    }
}
