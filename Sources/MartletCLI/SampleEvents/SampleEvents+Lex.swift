// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let lex = [
        bot(
            "book-car",
            "A person books a car",
            "BookCar",
            #"""
            "PickUpCity": "Bern", "PickUpDate": "2026-02-05", "ReturnDate": "2026-02-08", "CarType": "economy",
            "DriverAge": 42
            """#
        ),
        bot(
            "book-hotel",
            "A person books a hotel",
            "BookHotel",
            #""Location": "Bern", "CheckInDate": "2026-02-05", "Nights": 4, "RoomType": "queen""#
        ),
        bot(
            "make-appointment",
            "A person makes an appointment",
            "MakeAppointment",
            #""AppointmentType": "check up", "Date": "2026-02-05", "Time": "15:00""#
        ),
        bot(
            "order-flowers",
            "A person orders flowers",
            "OrderFlowers",
            #""FlowerType": "lilies", "PickupDate": "2026-02-05", "PickupTime": "15:00""#
        ),
    ]

    private static func bot(_ name: String, _ summary: String, _ intent: String, _ slots: String) -> SampleEvent {
        SampleEvent(
            "lex",
            name,
            summary,
            #"""
            {
              "messageVersion": "1.0",
              "invocationSource": "DialogCodeHook",
              "userId": "Ada",
              "sessionAttributes": {},
              "bot": {"name": "\#(intent)", "alias": "$LATEST", "version": "$LATEST"},
              "outputDialogMode": "Text",
              "currentIntent": {"name": "\#(intent)", "slots": {\#(slots)}, "confirmationStatus": "None"}
            }
            """#
        )
    }

    static let lexV2 = [
        botV2(
            "banking-bot",
            "A person asks for a balance",
            "BankingBot",
            intent: "CheckBalance",
            said: "January first 1990",
            slots: [("accountType", "Checking", "checking"), ("dateofBirth", "January first 1990", "1990-01-01")]
        ),
        botV2(
            "book-car",
            "A person books a car",
            "BookTrip",
            intent: "BookCar",
            said: "economy",
            slots: [("PickUpCity", "bern", "Bern"), ("CarType", "economy", "economy")]
        ),
        botV2(
            "book-hotel",
            "A person books a hotel",
            "BookTrip",
            intent: "BookHotel",
            said: "queen",
            slots: [("Location", "bern", "Bern"), ("RoomType", "queen", "queen")]
        ),
    ]

    private typealias Slot = (name: String, said: String, meant: String)

    private static func slotText(_ slots: [Slot]) -> String {
        let texts = slots.map {
            #"""
            "\#($0.name)": {
              "shape": "Scalar",
              "value": {
                "originalValue": "\#($0.said)", "resolvedValues": ["\#($0.meant)"], "interpretedValue": "\#($0.meant)"
              }
            }
            """#
        }
        return "{\(texts.joined(separator: ", "))}"
    }

    private static func botV2(
        _ name: String,
        _ summary: String,
        _ bot: String,
        intent: String,
        said: String,
        slots: [Slot]
    ) -> SampleEvent {
        let intentText = #"""
            {"name": "\#(intent)", "slots": \#(slotText(slots)), "state": "InProgress", "confirmationState": "None"}
            """#
        return SampleEvent(
            "lex-v2",
            name,
            summary,
            #"""
            {
              "messageVersion": "1.0",
              "invocationSource": "DialogCodeHook",
              "inputMode": "Text",
              "responseContentType": "text/plain; charset=utf-8",
              "sessionId": "123456789012345",
              "inputTranscript": "\#(said)",
              "bot": {
                "id": "ABCDEFGHIJ", "name": "\#(bot)", "aliasId": "TSTALIASID", "aliasName": "TestBotAlias",
                "localeId": "en_US", "version": "DRAFT"
              },
              "interpretations": [
                {"interpretationSource": "Lex", "intent": \#(intentText), "nluConfidence": 0.84},
                {"interpretationSource": "Lex", "intent": {"name": "FallbackIntent", "slots": {}}}
              ],
              "proposedNextState": null,
              "requestAttributes": {},
              "sessionState": {
                "activeContexts": [],
                "sessionAttributes": {},
                "runtimeHints": {},
                "intent": \#(intentText),
                "originatingRequestId": "5d5a1b7c-7d0a-4a26-8a5e-2c1f0b9d8e7a"
              },
              "transcriptions": [
                {
                  "transcription": "\#(said)",
                  "transcriptionConfidence": 1.0,
                  "resolvedContext": {"intent": "\#(intent)"},
                  "resolvedSlots": \#(slotText(slots.suffix(1)))
                }
              ]
            }
            """#
        )
    }
}
