// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.crac;

/** Resources could not prepare for the snapshot; why is suppressed in it. */
public class CheckpointException extends Exception {
    private static final long serialVersionUID = 1;

    public CheckpointException() {}

    public CheckpointException(String message) {
        super(message);
    }
}
