window.YTD.tweets.part0 = [
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1600000000000000003"
          ]
        }
      },
      "retweeted": false,
      "id": "1600000000000000003",
      "id_str": "1600000000000000003",
      "full_text": "Macet &amp; banjir",
      "created_at": "Tue Dec 06 04:32:00 +0000 2022",
      "lang": "in",
      "favorite_count": "0"
    }
  }
]
