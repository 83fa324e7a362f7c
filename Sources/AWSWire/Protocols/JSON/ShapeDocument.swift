// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Shapes as JSON texts outside of a request: what a store keeps, and policies that come as a text inside a member.
package enum ShapeDocument {
    package static func text(of shape: some Shape) throws -> String { String(buffer: try JSONWriter.document(shape)) }

    /// Throws what a request with that body would be answered with: a fault of the text, or the first constraint it breaks.
    package static func read<S: Shape>(_ type: S.Type, from text: String, of model: ServiceModel) throws -> S {
        let notes = ReadingNotes()
        let shape = try JSONReader(ByteBuffer(string: text), notes).read(type)
        try model.validate(shape, notes, .json11)
        return shape
    }
}
