import HTTPTypes
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

@Suite("Every generated shape")
struct RoundTripTests {
    private static let seeds: Range<UInt64> = 1..<6

    @Test("an input survives the way from a client to the server", arguments: WireService.all)
    func inputs(service: WireService) throws {
        for wire in service.model.protocols {
            let codec = try #require(service.model.codec(wire) as? any UncheckedDecoding)
            for operation in service.operations where operation.input != .stream {
                for seed in Self.seeds {
                    let sent = try RandomFiller.fill(operation.inputType, seed: seed)
                    let request = try codec.writeInput(sent, of: operation)
                    let notes = ReadingNotes()
                    let received = try codec.decode(operation, request, notes)
                    #expect(try dump(received) == dump(sent), "\(wire) \(operation.name) seed \(seed)")
                    #expect(notes.missing == [], "\(wire) \(operation.name) seed \(seed)")
                }
            }
        }
    }

    @Test("an output survives the way from the server to a client", arguments: WireService.all)
    func outputs(service: WireService) throws {
        for wire in service.model.protocols {
            let codec = service.model.codec(wire)
            for operation in service.operations where operation.output != .stream && operation.output != .events {
                for seed in Self.seeds {
                    let sent = try RandomFiller.fill(operation.outputType, seed: seed)
                    let response = try codec.writeOutput(sent, of: operation, requestID: "r")
                    let received = try codec.readOutput(of: operation, from: response)
                    #expect(try dump(received) == dump(sent), "\(wire) \(operation.name) seed \(seed)")
                    #expect(response.headers[.amznRequestID] == "r")
                }
            }
        }
    }

    @Test("a listed error reaches the client as itself, with all of its members", arguments: WireService.all)
    func errors(service: WireService) throws {
        for wire in service.model.protocols {
            let codec = service.model.codec(wire)
            for operation in service.operations {
                for (index, type) in operation.errors.enumerated() {
                    var sent = try #require(RandomFiller.fill(type, seed: UInt64(index)) as? any ModelledError)
                    sent.message = "went <wrong> & \"badly\""
                    let response = codec.writeError(sent, requestID: "r")
                    #expect(response.status == sent.httpStatus)
                    let received = #expect(throws: (any Error).self) {
                        try codec.readOutput(of: operation, from: response)
                    }
                    let error = try #require(
                        received as? any ModelledError,
                        "\(wire) \(operation.name) \(type.errorCode)"
                    )
                    #expect(error.code == sent.code)
                    #expect(try dump(error) == dump(sent), "\(wire) \(operation.name) \(type.errorCode)")
                }
            }
        }
    }

    @Test("every request of a client finds its own operation", arguments: WireService.all)
    func routing(service: WireService) throws {
        let router = service.router
        for wire in service.model.protocols {
            let codec = service.model.codec(wire)
            for operation in service.operations {
                let input = try RandomFiller.fill(operation.inputType, seed: 7)
                let request = try codec.writeInput(input, of: operation)
                #expect(router.codec(for: request).wireProtocol == wire)
                #expect(try router.operation(for: request, speaking: codec).name == operation.name)
            }
        }
    }
}
