// SPDX-License-Identifier: Apache-2.0
package martlet;

import java.io.FileDescriptor;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.util.Map;

/** What the JDK does not offer: inherited descriptors, and an environment that changes. The manifest opens the packages. */
final class Internals {
    private Internals() {}

    static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        return constructor.newInstance(number);
    }

    /** The map behind `System.getenv()`: what is put there is seen by everyone, child processes too. */
    @SuppressWarnings("unchecked")
    static Map<String, String> environment() throws ReflectiveOperationException {
        Map<String, String> shown = System.getenv();
        Field field = shown.getClass().getDeclaredField("m");
        field.setAccessible(true);
        return (Map<String, String>) field.get(shown);
    }
}
