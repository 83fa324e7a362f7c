// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

extension LogsService {
    private static let bytesPerPiece = 64 << 10

    /// The fields of the event that a result's `@ptr` points to, as one JSON document that comes in pieces. Throws
    /// `InvalidParameterException`, `ResourceNotFoundException`. AWS: GetLogObject
    ///
    /// Differs from AWS: no fields are kept apart from their event, so every pointer is one of GetLogRecord.
    func getLogObject(_ input: GetLogObjectInput, _ context: RequestContext) async throws -> GetLogObjectOutput {
        let fields = try await record(input.logObjectPointer, unmask: input.unmask, context)
        let members = fields.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        var document = JSONValue.object(members).compactBuffer
        var pieces: [ByteBuffer] = []
        while let piece = document.readSlice(length: min(Self.bytesPerPiece, document.readableBytes)),
            piece.readableBytes > 0
        {
            pieces.append(piece)
        }
        let events = pieces.map { piece in
            var event = GetLogObjectResponseStream()
            var data = FieldsData()
            data.data = piece
            event.fields = data
            return event
        }
        var output = GetLogObjectOutput()
        output.fieldStream = EventStream(
            AsyncThrowingStream { continuation in
                for event in events { continuation.yield(event) }
                continuation.finish()
            }
        )
        return output
    }
}
