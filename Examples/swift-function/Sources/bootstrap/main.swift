// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Glibc

struct Event: Decodable {
    var name: String
}

struct Answer: Encodable {
    var greeting: String
}

struct Nameless: Error, CustomStringConvertible {
    let description = "nobody to greet"
}

struct BadTemplate: Error, CustomStringConvertible {
    let description = "GREETING has no {name} in it"
}

/// The function: made once in the init phase, called for each event.
struct Greeter {
    private let template: String

    init(template: String) throws {
        guard template.contains("{name}") else { throw BadTemplate() }
        self.template = template
    }

    func handle(_ event: Event) throws -> Answer {
        guard !event.name.isEmpty else { throw Nameless() }
        return Answer(greeting: template.replacing("{name}", with: event.name))
    }
}

func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

var runtime = try RuntimeAPI(address: variable("AWS_LAMBDA_RUNTIME_API") ?? "127.0.0.1:9001")
let greeter: Greeter
do {
    greeter = try Greeter(template: variable("GREETING") ?? "Hello, {name}!")
} catch {
    try runtime.reportInit(error)
    exit(1)
}
while true {
    let invocation = try runtime.next()
    do {
        let answer = try greeter.handle(JSONDecoder().decode(Event.self, from: invocation.event))
        try runtime.answer(invocation, JSONEncoder().encode(answer))
    } catch let failure as RuntimeFailure {
        throw failure
    } catch {
        try runtime.report(error, of: invocation)
    }
}
