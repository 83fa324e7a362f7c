// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.runtime.logging;

/** How severe a record is. */
public enum LogLevel {
    UNDEFINED,
    TRACE,
    DEBUG,
    INFO,
    WARN,
    ERROR,
    FATAL;

    public static LogLevel fromString(String text) {
        try {
            return valueOf(text.toUpperCase(java.util.Locale.ROOT));
        } catch (Exception error) {
            throw new IllegalArgumentException(
                    "Invalid log level: '" + text + "' expected one of [TRACE, DEBUG, INFO, WARN, ERROR, FATAL]");
        }
    }
}
