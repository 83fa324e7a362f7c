// SPDX-License-Identifier: Apache-2.0

/// What a codec needs to know of an operation: its names, its place in HTTP and its types. Made once per operation.
package final class OperationBinding: Sendable {
    /// What a message's body holds.
    package enum Body: Sendable, Equatable {
        /// Nothing: the message has no members, or all of them are in headers, query or path.
        case none
        /// The members, as the protocol prints them.
        case document
        /// One member alone: raw bytes, text or a structure of its own.
        case payload
        /// Bytes that pass through unread, of any length.
        case stream
        /// Framed events.
        case events
    }

    package let name: String
    package let method: String
    /// The template as the model writes it.
    package let path: String
    package let status: Int
    package let action: String
    package let resultWrapper: String?
    package let inputType: any Shape.Type
    package let outputType: any Shape.Type
    package let errors: [any ModelledError.Type]
    /// What the request's body holds: only `stream` and `events` may be given to `readInput` uncollected.
    package let input: Body
    package let output: Body
    let template: PathTemplate

    package init<I: Shape, O: Shape>(_ descriptor: OperationDescriptor<I, O>) {
        name = descriptor.name
        method = descriptor.method
        path = descriptor.path
        status = descriptor.status
        action = descriptor.action
        resultWrapper = descriptor.resultWrapper
        inputType = I.self
        outputType = O.self
        errors = descriptor.errors
        input = BodyProbe.body(of: I.self)
        output = BodyProbe.body(of: O.self)
        template = PathTemplate(descriptor.path)
    }
}

extension OperationDescriptor where Input: Shape, Output: Shape {
    package var binding: OperationBinding { OperationBinding(self) }
}
